"""
Which references ld.so cannot bind: at start, or when they are first called.

Source: glibc elf/dl-lookup.c, _dl_lookup_symbol_x(), do_lookup_x(),
check_match(); elf/dynamic-link.h (what is bound lazily).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from preflight.loader.glibc.load import release_of
from preflight.loader.glibc.release import Rules, inconsistency, rules_of
from preflight.loader.setting import Object, Resolution, Setting
from preflight.loader.symbols import STT_TLS, Symbol, Symbols, symbols_of, version_names
from preflight.model.elf import (
    PLACE_ABSOLUTE,
    USE_COPY,
    USE_DATA,
    USE_EAGER_SLOT,
    USE_SLOT,
    USE_TLS,
)
from preflight.model.text import decode

# STT_NOTYPE, OBJECT, FUNC, COMMON, TLS, GNU_IFUNC.
_ALLOWED_TYPES = frozenset({0, 1, 2, 5, 6, 10})
# What check_match() asserts where a provider has no versions at all.
_INCONSISTENT = "version->filename == NULL || ! _dl_name_match_p (version->filename, map)"
_NO_VERSIONS: dict[int, tuple[str, str | None]] = {}


class SymbolProblem(Struct, frozen=True):
    """
    One reference that no definition answers, or a relocation that the loader does not know.

    A "call" fails when it is made, everything else at start.
    """

    kind: Literal["start", "call", "relocation"]
    symbol: str  # of "relocation": its type, in decimal
    version: str | None
    library: str | None  # where the version was expected
    needed_by: str
    line: str | None  # what the loader prints, None: nobody knows exactly


class _Party(Struct, frozen=True):
    """One object of the scope, with all that matching looks at."""

    entry: Object
    symbols: Symbols
    versions: dict[int, tuple[str, str | None]]
    has_table: bool  # l_versyms is set


class _Reference(Struct, frozen=True):
    symbol: Symbol
    version: str | None
    library: str | None


def check_symbols(setting: Setting, resolution: Resolution) -> Iterator[SymbolProblem]:
    """Yield what cannot be bound, in the order in which the loader relocates the objects."""
    rules = rules_of(resolution.release or (2, 36))
    parties = [_party(entry) for entry in resolution.objects]
    now = bool(setting.start.variable("LD_BIND_NOW"))
    for party in reversed(parties):
        if party.entry.path != setting.interpreter:
            yield from _check_object(setting, rules, party, parties, now=now)


def _party(entry: Object) -> _Party:
    elf = entry.elf
    versions = version_names(elf) if elf.has_version_table else _NO_VERSIONS
    return _Party(entry, symbols_of(elf), versions, elf.has_version_table)


def _check_object(
    setting: Setting, rules: Rules, party: _Party, parties: Sequence[_Party], *, now: bool
) -> Iterator[SymbolProblem]:
    scope = [party, *parties] if party.entry.elf.symbolic else parties
    eager_slots = now or party.entry.elf.bind_now
    yield from _odd_relocations(setting, party)
    lazy: list[SymbolProblem] = []
    for symbol in party.symbols.used:
        copied = bool(symbol.uses & USE_COPY)
        if symbol.local or symbol.hidden or symbol.weak or not (symbol.undefined or copied):
            continue
        reference = _reference(party, symbol)
        words = _unbound(reference, scope, rules)
        if words is None:
            continue
        eager = symbol.uses & (USE_DATA | USE_COPY | USE_TLS | USE_EAGER_SLOT)
        at_start = bool(eager) or (eager_slots and bool(symbol.uses & USE_SLOT))
        problem = _problem(setting, party, reference, words, at_start=at_start)
        if at_start:
            yield problem
        else:
            lazy.append(problem)
    yield from lazy


def _odd_relocations(setting: Setting, party: _Party) -> Iterator[SymbolProblem]:
    """Yield what _dl_reloc_bad_type() refuses."""
    start = f"{setting.argv0}: error while loading shared libraries: {party.entry.path}: "
    for kind in party.entry.elf.odd_relocations:
        line = f"{start}unexpected reloc type 0x{kind:02x}"
        yield SymbolProblem("relocation", str(kind), None, None, party.entry.path, line)


def _reference(party: _Party, symbol: Symbol) -> _Reference:
    version, library = party.versions.get(symbol.version_index, (None, None))
    if symbol.version_index < 2:  # local and global: no version
        version, library = None, None
    return _Reference(symbol, version, library)


def _unbound(reference: _Reference, scope: Sequence[_Party], rules: Rules) -> str | None:
    """Return the loader's words where nothing in *scope* answers; None where something does."""
    symbol = reference.symbol
    name = decode(symbol.name)
    copied = bool(symbol.uses & USE_COPY)
    for party in scope:
        if copied and not party.entry.name:  # the program itself
            continue
        verdict = _answers(party, reference, rules)
        if verdict == "yes":
            return None
        if verdict == "inconsistent":
            return _INCONSISTENT
        if rules.strict_version_file and reference.library in party.entry.names:
            return (
                f"symbol {name}, version {reference.version} not defined in file "
                f"{reference.library} with link time reference"
            )
    version = f", version {reference.version}" if reference.version else ""
    return f"undefined symbol: {name}{version}"


def _answers(
    party: _Party, reference: _Reference, rules: Rules
) -> Literal["yes", "no", "inconsistent"]:
    """Match one object's definitions as check_match() and do_lookup_x() do."""
    candidates = party.symbols.definitions.get(reference.symbol.name, ())
    defaults = 0
    for symbol in candidates:
        if not _eligible(symbol, reference.symbol):
            continue
        if reference.version is not None:
            if not party.has_table:
                bare = reference.library in party.entry.names and not rules.bare_definitions
                return "inconsistent" if bare else "yes"
            if _same_version(party, symbol, reference.version):
                return "yes"
        elif not party.has_table or symbol.version_index < 3:
            return "yes"
        elif not symbol.hidden_version:
            defaults += 1
    return "yes" if defaults == 1 else "no"


def _eligible(symbol: Symbol, wanting: Symbol) -> bool:
    if symbol.hidden:
        return False
    if symbol.zero and symbol.place & 0xF != PLACE_ABSOLUTE and symbol.type != STT_TLS:
        return False
    if symbol.undefined and wanting.uses & (USE_SLOT | USE_TLS):
        return False
    return symbol.type in _ALLOWED_TYPES


def _same_version(party: _Party, symbol: Symbol, wanted: str) -> bool:
    """Whether the definition has the version, or none and is not hidden."""
    index = symbol.version_index
    if index < 2:
        return not symbol.hidden_version
    known = party.versions.get(index)
    if known is None:
        return not symbol.hidden_version
    return known[0] == wanted


def _problem(
    setting: Setting, party: _Party, reference: _Reference, words: str, *, at_start: bool
) -> SymbolProblem:
    return SymbolProblem(
        "start" if at_start else "call",
        decode(reference.symbol.name),
        reference.version,
        reference.library,
        party.entry.path,
        _line(setting, party, words),
    )


def _line(setting: Setting, party: _Party, words: str) -> str | None:
    if words == _INCONSISTENT:
        release = release_of(setting)
        return inconsistency(release, "dl-lookup.c", "check_match", _INCONSISTENT)
    kind = "relocation error" if words.startswith("symbol ") else "symbol lookup error"
    return f"{setting.argv0}: {kind}: {party.entry.path}: {words}"
