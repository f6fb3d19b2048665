"""
Which definition a reference binds to, and what an object wants and offers in all.

`answer` decides about one reference and one object as check_match() and
do_lookup_x() do (glibc elf/dl-lookup.c).  `Interface` says the same of all
plain cases at once, as sets: nearly all references are settled by those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from functools import partial
from typing import NamedTuple
from weakref import WeakKeyDictionary

from preflight.loader.symbols import (
    STT_GNU_IFUNC,
    STT_TLS,
    Offers,
    Shelf,
    Symbol,
    Symbols,
    symbols_of,
)
from preflight.model.elf import PLACE_ABSOLUTE, USE_SLOT, USE_TLS, Elf
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


class Unmet:
    """
    Keys that nothing looked into so far offers; what is left after a look is remembered.

    Hosts of one fleet have most libraries in common, and look in the same order.
    """

    def __init__(self, keys: Iterable[bytes]) -> None:
        self.keys = tuple(keys)
        self._after: WeakKeyDictionary[Offers, Unmet] = WeakKeyDictionary()

    def after(self, offers: Offers) -> Unmet:
        """Return what is left after looking into the object with these *offers*."""
        left = self._after.get(offers)
        if left is None:
            left = self._after[offers] = Unmet(key for key in self.keys if key not in offers)
        return left


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
    unmet: Unmet  # the keys of all *wants*
    copies: tuple[Reference, ...]
    weak: tuple[Reference, ...]
    tls: tuple[Reference, ...]  # those of all that are thread-local
    offers: Offers
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
    for symbol in owner.symbols.definitions.of(reference.symbol.name):
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
    found = owner.symbols.definitions.of(wanting.name)
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
    by_ifunc = symbols.definitions.of_type(STT_GNU_IFUNC)
    wants = {r.key: r for r in references if not r.symbol.copied and not r.symbol.weak}
    return Interface(
        has_table,
        symbols,
        wants,
        Unmet(wants),
        tuple(r for r in references if r.symbol.copied),
        tuple(r for r in references if r.symbol.weak and not r.symbol.copied),
        tuple(r for r in references if r.symbol.uses & USE_TLS),
        Offers(partial(_is_offered, symbols, has_table)),
        frozenset(key for name in by_ifunc for key in _offered(symbols, name, has_table=has_table)),
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


def _is_offered(symbols: Symbols, has_table: bool, key: bytes) -> bool:
    name = key.partition(b"\0")[0]
    return symbols.definitions.may_have(name) and key in _offered(
        symbols, name, has_table=has_table
    )


def _offered(symbols: Symbols, name: bytes, *, has_table: bool) -> set[bytes]:
    """Return the key of every reference that a definition of *name* answers."""
    found = symbols.definitions.of(name)
    defined = [symbol for symbol in found if not symbol.undefined and _eligible(symbol, 0)]
    keys = set()
    for symbol in defined:
        version = symbols.versions.get(symbol.version_index)
        if version is not None and symbol.version_index >= 2 and has_table:
            keys.add(_key(name, version.name))
    visible = sum(not symbol.hidden_version for symbol in defined)
    if visible == 1 or any(s.version_index < 3 or not has_table for s in defined):
        keys.add(_key(name, None))
    return keys


def _key(name: bytes, version: str | None) -> bytes:
    return name if version is None else name + b"\0" + encode(version)
