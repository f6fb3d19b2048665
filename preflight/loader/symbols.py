"""
The dynamic symbols of one object, decoded for looking up: definitions and references.

Both loaders look through these; what counts as a match is theirs to say.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable
from functools import lru_cache
from typing import NamedTuple

from preflight.model.elf import (
    NO_VERSYM,
    PLACE_UNDEFINED,
    PLACE_ZERO,
    SYMBOL_RECORD,
    USE_COPY,
    Elf,
)

STT_TLS, STT_GNU_IFUNC = 6, 10
STB_LOCAL, STB_WEAK = 0, 2
_HIDDEN_BIT = 0x8000
_INDEX_BITS = 0x7FFF
# How many objects are kept decoded; a host has some hundred, a fleet a few images.
_KEPT = 2048


class Symbol(NamedTuple):
    """One row of the table; *version* is the raw DT_VERSYM value, ranks are 0 where unused."""

    name: bytes
    version: int
    info: int
    other: int
    place: int
    uses: int
    size: int
    data_rank: int  # its first place in DT_REL, DT_RELA
    slot_rank: int  # its first place in DT_JMPREL

    @property
    def type(self) -> int:
        """STT_*."""
        return self.info & 0xF

    @property
    def binding(self) -> int:
        """STB_*."""
        return self.info >> 4

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

    @property
    def copied(self) -> bool:
        """Whether a copy relocation uses it."""
        return bool(self.uses & USE_COPY)


class Version(NamedTuple):
    """What a version index stands for; *library*: of which it is wanted, None: defined here."""

    name: str
    library: str | None


class Symbols(NamedTuple):
    """Definitions by name, in table order, and the symbols that relocations use."""

    definitions: dict[bytes, tuple[Symbol, ...]]
    used: tuple[Symbol, ...]
    versions: dict[int, Version]


class ByIdentity:
    """An object read once is the same object wherever it is looked at: a key without a hash."""

    __slots__ = ("elf",)

    def __init__(self, elf: Elf) -> None:
        self.elf = elf

    def __hash__(self) -> int:
        return id(self.elf)

    def __eq__(self, other: Hashable) -> bool:
        return isinstance(other, ByIdentity) and self.elf is other.elf


def symbols_of(elf: Elf) -> Symbols:
    """Return the decoded symbols of an object; the same for the same object."""
    return _symbols(ByIdentity(elf))


@lru_cache(maxsize=_KEPT)
def _symbols(key: ByIdentity) -> Symbols:
    elf = key.elf
    definitions: dict[bytes, tuple[Symbol, ...]] = {}
    used: list[Symbol] = []
    for symbol in _rows(elf):
        # An undefined symbol with a value is a canonical PLT entry: it counts for pointers.
        defined = symbol.place != PLACE_UNDEFINED | PLACE_ZERO
        if defined and symbol.name and not symbol.local:
            definitions[symbol.name] = (*definitions.get(symbol.name, ()), symbol)
        if symbol.uses:
            used.append(symbol)
    return Symbols(definitions, tuple(used), _versions(elf) if elf.has_version_table else {})


def _rows(elf: Elf) -> list[Symbol]:
    if elf.symbols is None:
        return []
    names = elf.symbols.names.split(b"\0")
    records = struct.iter_unpack(SYMBOL_RECORD, elf.symbols.records)
    return [Symbol(name, *record) for name, record in zip(names, records, strict=False)]


def _versions(elf: Elf) -> dict[int, Version]:
    """Return what each version index means; the base definition is no version."""
    known = {
        version.index & _INDEX_BITS: Version(version.name, need.library)
        for need in elf.version_needs
        for version in need.versions
    }
    defined = (definition for definition in elf.version_defs if not definition.base)
    known.update({d.index & _INDEX_BITS: Version(d.name, None) for d in defined})
    return known
