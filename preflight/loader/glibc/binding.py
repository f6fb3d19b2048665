"""
Which definition a reference binds to, and what an object wants and offers in all.

`answer` decides about one reference and one object as check_match() and
do_lookup_x() do (glibc elf/dl-lookup.c).  `Interface` says the same of all
plain cases at once, as sets: nearly all references are settled by those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import NamedTuple

from preflight.loader.symbols import (
    HIDDEN_BIT,
    INDEX_BITS,
    STT_GNU_IFUNC,
    STT_TLS,
    Record,
    Shelf,
    Symbol,
    Symbols,
    symbols_of,
)
from preflight.model.elf import NO_VERSYM, PLACE_ABSOLUTE, USE_SLOT, USE_TLS, Elf
from preflight.model.text import encode

# STT_NOTYPE, OBJECT, FUNC, COMMON, TLS, GNU_IFUNC.
_ALLOWED_TYPES = frozenset({0, 1, 2, 5, 6, 10})


class Reference(NamedTuple):
    """A symbol that is wanted, with the version and the library that it is wanted of."""

    symbol: Symbol
    version: str | None
    library: str | None

    @property
    def key(self) -> bytes:
        """Name and version in one."""
        return _key(self.symbol.name, self.version)


class Interface(NamedTuple):
    """
    What one object wants and offers.

    *wants* leaves out what may stay unbound, which stands in *weak*, and what a
    copy relocation wants, which stands in *copies*.  A want whose key is among the *offers* of
    an object in scope is met, but for the assertion of `Answer.INCONSISTENT`.
    """

    has_table: bool  # l_versyms is set
    symbols: Symbols
    wants: Mapping[bytes, Reference]
    copies: tuple[Reference, ...]
    weak: tuple[Reference, ...]
    offers: frozenset[bytes]
    ifuncs: frozenset[bytes]  # those of the offers whose address a resolver tells


class Answer(Enum):
    """What looking into one object comes to."""

    YES = auto()
    NO = auto()
    INCONSISTENT = auto()  # the loader stops with an assertion


def answer(owner: Interface, reference: Reference, *, provider: bool, lenient: bool) -> Answer:
    """
    Look for *reference* among the definitions of *owner*.

    *provider*: it answers to the name of the library that the version is wanted
    of.  *lenient*: a symbol of an object without versions is good there, too.
    """
    for symbol in owner.symbols.definitions.get(reference.symbol.name, ()):
        if not _eligible(symbol, reference.symbol.uses):
            continue
        if reference.version is None:
            if symbol.version_index < 3 or not owner.has_table:
                return Answer.YES
        elif not owner.has_table:
            return Answer.INCONSISTENT if provider and not lenient else Answer.YES
        elif _same_version(owner.symbols, symbol, reference.version):
            return Answer.YES
    if reference.version is None and _default(owner, reference.symbol):
        return Answer.YES
    return Answer.NO


def _default(owner: Interface, wanting: Symbol) -> bool:
    """Whether exactly one version is not hidden: no ambiguity, so it is taken."""
    found = owner.symbols.definitions.get(wanting.name, ())
    eligible = [symbol for symbol in found if _eligible(symbol, wanting.uses)]
    return sum(not symbol.hidden_version for symbol in eligible) == 1


def _eligible(symbol: Symbol, uses: int) -> bool:
    if symbol.zero and symbol.place & 0xF != PLACE_ABSOLUTE and symbol.type != STT_TLS:
        return False
    if symbol.undefined and uses & (USE_SLOT | USE_TLS):
        return False
    return symbol.type in _ALLOWED_TYPES and not symbol.hidden


def _same_version(symbols: Symbols, symbol: Symbol, wanted: str) -> bool:
    """Whether the definition has the version, or none and is not hidden."""
    known = symbols.versions.get(symbol.version_index)
    if symbol.version_index < 2 or known is None:
        return not symbol.hidden_version
    return known.name == wanted


def _interface(elf: Elf) -> Interface:
    symbols = symbols_of(elf)
    references = [_reference(symbols, symbol) for symbol in symbols.used if _is_wanted(symbol)]
    has_table = elf.has_version_table
    offers = list(_offers(symbols, has_table=has_table))
    return Interface(
        has_table,
        symbols,
        {r.key: r for r in references if not r.symbol.copied and not r.symbol.weak},
        tuple(r for r in references if r.symbol.copied),
        tuple(r for r in references if r.symbol.weak and not r.symbol.copied),
        frozenset(key for key, _ in offers),
        frozenset(key for key, by_ifunc in offers if by_ifunc),
    )


interface_of = Shelf(_interface)


def _is_wanted(symbol: Symbol) -> bool:
    """Whether a relocation looks the symbol up in other objects."""
    if symbol.local or symbol.hidden:
        return False
    return symbol.undefined or symbol.copied


def _reference(symbols: Symbols, symbol: Symbol) -> Reference:
    if symbol.version_index < 2:  # local and global: no version
        return Reference(symbol, None, None)
    version = symbols.versions.get(symbol.version_index)
    return Reference(symbol, *(version or (None, None)))


def _offers(symbols: Symbols, *, has_table: bool) -> Iterator[tuple[bytes, bool]]:
    """Yield the key of every reference that a definition answers, and whether an IFUNC is there."""
    endings = {index: _key(b"", version.name) for index, version in symbols.versions.items()}
    counts: dict[tuple[int, int, int], bool] = {}  # there are few kinds of definition
    for name, records in symbols.definitions.records():
        by_ifunc = any(record[1] & 0xF == STT_GNU_IFUNC for record in records)
        visible = plain = 0
        for record in records:
            version, info, other, place, *_ = record
            kind = info, other, place
            if kind not in counts:
                counts[kind] = _is_definition(record)
            if not counts[kind]:
                continue
            index = 1 if version == NO_VERSYM else version & INDEX_BITS
            if index >= 2 and has_table and index in endings:
                yield name + endings[index], by_ifunc
            visible += version == NO_VERSYM or not version & HIDDEN_BIT
            plain += index < 3 or not has_table
        if visible == 1 or plain:
            yield name, by_ifunc


def _is_definition(record: Record) -> bool:
    symbol = Symbol(b"", *record)
    return not symbol.undefined and _eligible(symbol, 0)


def _key(name: bytes, version: str | None) -> bytes:
    return name if version is None else name + b"\0" + encode(version)
