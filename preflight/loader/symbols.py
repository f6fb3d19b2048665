"""
The dynamic symbols of one object, decoded for looking up: definitions and references.

Both loaders look through these; what counts as a match is theirs to say.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

from preflight.model.elf import (
    NO_VERSYM,
    PLACE_UNDEFINED,
    PLACE_ZERO,
    SYMBOL_RECORD,
    USE_COPY,
    Elf,
    SymbolTable,
    VersionDef,
    VersionNeed,
)

STT_TLS, STT_GNU_IFUNC = 6, 10
STB_LOCAL, STB_WEAK = 0, 2
_HIDDEN_BIT = 0x8000
_INDEX_BITS = 0x7FFF
# How many symbols are kept decoded: those of some big programs, in about 20 MB.
ROOM = 1 << 16
_RECORD = struct.Struct(SYMBOL_RECORD)

_INFO, _USES = 2, 5  # where these fields stand in a record

T = TypeVar("T")


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
    def protected(self) -> bool:
        """Whether its own object always takes this very definition."""
        return self.other & 3 == 3

    @property
    def undefined(self) -> bool:
        """Whether st_shndx is SHN_UNDEF."""
        return self.place & 0xF == PLACE_UNDEFINED

    @property
    def absent(self) -> bool:
        """Whether it is undefined, and no canonical PLT entry, which counts for pointers."""
        return self.place == PLACE_UNDEFINED | PLACE_ZERO

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


class Definitions:
    """The symbols that others may find, by name, in table order; decoded when they are asked."""

    def __init__(self, names: Sequence[bytes], records: bytes) -> None:
        self._records = records
        self._rows = dict(zip(names, range(len(names)), strict=True))
        # Few names stand in the table more than once, with several versions.
        self._all_rows: dict[bytes, list[int]] = {}
        for row, name in enumerate(names):
            if self._rows[name] != row:
                self._all_rows.setdefault(name, []).append(row)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: bytes) -> bool:
        return bool(self.of(name))

    def may_have(self, name: bytes) -> bool:
        """Whether the table names *name* at all: nearly all misses are told by that."""
        return name in self._rows

    def of(self, name: bytes) -> list[Symbol]:
        """Return the definitions of *name*."""
        last = self._rows.get(name)
        if last is None or not name:
            return []
        rows = (*self._all_rows.get(name, ()), last)
        found = [Symbol(name, *_RECORD.unpack_from(self._records, r * _RECORD.size)) for r in rows]
        return [symbol for symbol in found if not symbol.local and not symbol.absent]

    def of_type(self, kind: int) -> Iterator[bytes]:
        """Yield the names with an entry of the type *kind* (STT_*)."""
        infos = self._records[_INFO :: _RECORD.size]
        places = {row for row, info in enumerate(infos) if info & 0xF == kind}
        if places:
            yield from (name for name, row in self._rows.items() if row in places)
            yield from (n for n, rows in self._all_rows.items() if not places.isdisjoint(rows))


class Offers:
    """Which keys an object offers, by *decide*; each decided once."""

    def __init__(self, decide: Callable[[bytes], bool]) -> None:
        self._decide = decide
        self._known: dict[bytes, bool] = {}

    def __contains__(self, key: bytes) -> bool:
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._decide(key)
        return known


class Symbols(NamedTuple):
    """The definitions, and the symbols that relocations use."""

    definitions: Definitions
    used: tuple[Symbol, ...]
    versions: dict[int, Version]


class Shelf(Generic[T]):
    """
    What *make* returns for an object by its symbols and versions; one value for what is alike.

    The latest are kept, as many as have `ROOM` symbols together; safe for many threads.
    """

    def __init__(self, make: Callable[[Elf], T]) -> None:
        self._make = make
        self._kept: OrderedDict[_Tables, T] = OrderedDict()
        self._room = ROOM
        self._lock = Lock()

    def __call__(self, elf: Elf) -> T:
        """Return what is kept for the tables of *elf*, made now if need be."""
        tables = _Tables.of(elf)
        with self._lock:
            if (known := self._kept.get(tables)) is not None:
                self._kept.move_to_end(tables)
                return known
        made = self._make(elf)
        with self._lock:
            kept = self._kept.setdefault(tables, made)
            if kept is made:
                self._room -= tables.weight
            while self._room < 0 and len(self._kept) > 1:
                old, _ = self._kept.popitem(last=False)
                self._room += old.weight
        return kept


class _Tables(NamedTuple):
    """What the symbols of an object are told by; builds of one library often share it."""

    symbols: SymbolTable | None
    needs: tuple[VersionNeed, ...]
    definitions: tuple[VersionDef, ...]
    has_versions: bool

    @classmethod
    def of(cls, elf: Elf) -> _Tables:
        return cls(elf.symbols, elf.version_needs, elf.version_defs, elf.has_version_table)

    @property
    def weight(self) -> int:
        """How much of the `ROOM` it takes up."""
        return 1 + (len(self.symbols.records) // _RECORD.size if self.symbols else 0)


def _decode(elf: Elf) -> Symbols:
    table = elf.symbols
    if table is None:
        return Symbols(Definitions((), b""), (), {})
    records = table.records
    names = table.names.split(b"\0")[: len(records) // _RECORD.size]
    uses = zip(range(len(names)), records[_USES :: _RECORD.size], strict=False)
    used = [row for row, use in uses if use]
    return Symbols(
        Definitions(names, records),
        tuple(Symbol(names[r], *_RECORD.unpack_from(records, r * _RECORD.size)) for r in used),
        _versions(elf) if elf.has_version_table else {},
    )


symbols_of = Shelf(_decode)


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
