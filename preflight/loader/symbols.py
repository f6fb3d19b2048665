"""
The dynamic symbols of one object, decoded for looking up: definitions by name, references.

Both loaders look through these; what counts as a match is theirs to say.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

from preflight.model.elf import (
    NO_VERSYM,
    PLACE_UNDEFINED,
    PLACE_ZERO,
    SYMBOL_RECORD,
    Elf,
    SymbolTable,
)

STT_TLS, STT_GNU_IFUNC = 6, 10
STB_LOCAL, STB_WEAK = 0, 2
_HIDDEN_BIT = 0x8000
_INDEX_BITS = 0x7FFF


class Symbol(NamedTuple):
    """One row of the table; *version* is the raw DT_VERSYM value."""

    name: bytes
    version: int
    info: int
    other: int
    place: int
    uses: int
    size: int

    @property
    def type(self) -> int:
        """STT_*."""
        return self.info & 0xF

    @property
    def weak(self) -> bool:
        """Whether the binding is weak."""
        return self.info >> 4 == STB_WEAK

    @property
    def local(self) -> bool:
        """Whether the binding is local."""
        return self.info >> 4 == STB_LOCAL

    @property
    def hidden(self) -> bool:
        """Whether the visibility (internal, hidden) keeps it inside its object."""
        return self.other & 3 in (1, 2)

    @property
    def undefined(self) -> bool:
        """Whether st_shndx is SHN_UNDEF."""
        return self.place & 0xF == PLACE_UNDEFINED

    @property
    def zero(self) -> bool:
        """Whether st_value is 0."""
        return bool(self.place & PLACE_ZERO)

    @property
    def hidden_version(self) -> bool:
        """Whether the version is not the default one."""
        return self.version != NO_VERSYM and bool(self.version & _HIDDEN_BIT)

    @property
    def version_index(self) -> int:
        """The version's index, 1 (global) where there is no version table."""
        return 1 if self.version == NO_VERSYM else self.version & _INDEX_BITS


class Symbols(NamedTuple):
    """Definitions by name, in table order, and the symbols that relocations use."""

    definitions: dict[bytes, tuple[Symbol, ...]]
    used: tuple[Symbol, ...]


_NONE = Symbols({}, ())


def symbols_of(elf: Elf) -> Symbols:
    """Return the decoded symbols of *elf*; the same object for the same table."""
    return _NONE if elf.symbols is None else _decode(elf.symbols)


@lru_cache(maxsize=4096)
def _decode(table: SymbolTable) -> Symbols:
    names = table.names.split(b"\0")
    definitions: dict[bytes, tuple[Symbol, ...]] = {}
    used: list[Symbol] = []
    for name, record in zip(names, struct.iter_unpack(SYMBOL_RECORD, table.records), strict=False):
        symbol = Symbol(name, *record)
        # An undefined symbol with a value is a canonical PLT entry: it counts for pointers.
        if name and symbol.place != PLACE_UNDEFINED | PLACE_ZERO and not symbol.local:
            definitions[name] = (*definitions.get(name, ()), symbol)
        if symbol.uses:
            used.append(symbol)
    return Symbols(definitions, tuple(used))


@lru_cache(maxsize=4096)
def _version_names(elf_key: _VersionKey) -> dict[int, tuple[str, str | None]]:
    needs, defs = elf_key
    names: dict[int, tuple[str, str | None]] = {index: (name, None) for index, name in defs}
    names.update({index: (name, library) for library, index, name in needs})
    return names


_VersionKey = tuple[tuple[tuple[str, int, str], ...], tuple[tuple[int, str], ...]]


def version_names(elf: Elf) -> dict[int, tuple[str, str | None]]:
    """Return what each version index means: (version, library it is wanted of or None)."""
    needs = tuple(
        (need.library, version.index & _INDEX_BITS, version.name)
        for need in elf.version_needs
        for version in need.versions
    )
    defs = tuple((d.index & _INDEX_BITS, d.name) for d in elf.version_defs)
    return _version_names((needs, defs))
