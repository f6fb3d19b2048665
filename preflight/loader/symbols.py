"""
The dynamic symbols of one object, decoded for looking up: definitions and references.

Both loaders look through these; what counts as a match is theirs to say.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Generic, NamedTuple, TypeAlias, TypeVar

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
HIDDEN_BIT = 0x8000
INDEX_BITS = 0x7FFF
# How many symbols are kept decoded: those of some big programs, in about 20 MB.
ROOM = 1 << 16
_RECORD = struct.Struct(SYMBOL_RECORD)

T = TypeVar("T")
# The fields of a Symbol after its name.
Record: TypeAlias = tuple[int, int, int, int, int, int, int, int]


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
        return self.version != NO_VERSYM and bool(self.version & HIDDEN_BIT)

    @property
    def version_index(self) -> int:
        """The version's index, 1 (global) where there is no version table."""
        return 1 if self.version == NO_VERSYM else self.version & INDEX_BITS

    @property
    def copied(self) -> bool:
        """Whether a copy relocation uses it."""
        return bool(self.uses & USE_COPY)


class Version(NamedTuple):
    """What a version index stands for; *library*: of which it is wanted, None: defined here."""

    name: str
    library: str | None


class Definitions(Mapping[bytes, tuple[Symbol, ...]]):
    """The symbols that others may find, by name, in table order; each decoded when it is asked."""

    def __init__(self, rows: dict[bytes, tuple[int, ...]], records: bytes) -> None:
        self._rows = rows
        self._records = records

    def __getitem__(self, name: bytes) -> tuple[Symbol, ...]:
        return tuple(Symbol(name, *record) for record in self._unpack(self._rows[name]))

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def records(self) -> Iterator[tuple[bytes, list[Record]]]:
        """Yield each name with its records, which take a tenth of the time of symbols."""
        for name, rows in self._rows.items():
            yield name, self._unpack(rows)

    def _unpack(self, rows: tuple[int, ...]) -> list[Record]:
        return [_RECORD.unpack_from(self._records, row) for row in rows]


class Symbols(NamedTuple):
    """The definitions, and the symbols that relocations use."""

    definitions: Definitions
    used: tuple[Symbol, ...]
    versions: dict[int, Version]


class Shelf(Generic[T]):
    """
    What *make* returns for an object, the same for the same object.

    The latest are kept, as many as have `ROOM` symbols together; safe for many threads.
    """

    def __init__(self, make: Callable[[Elf], T]) -> None:
        self._make = make
        self._kept: OrderedDict[int, tuple[Elf, T]] = OrderedDict()
        self._room = ROOM
        self._lock = Lock()

    def __call__(self, elf: Elf) -> T:
        """Return what is kept for *elf*, made now if need be."""
        with self._lock:
            if (known := self._kept.get(id(elf))) is not None:
                self._kept.move_to_end(id(elf))
                return known[1]
        made = self._make(elf)
        with self._lock:
            _, kept = self._kept.setdefault(id(elf), (elf, made))
            if kept is made:
                self._room -= _count(elf)
            while self._room < 0 and len(self._kept) > 1:
                _, (old, _) = self._kept.popitem(last=False)
                self._room += _count(old)
        return kept


def _count(elf: Elf) -> int:
    return 1 + (len(elf.symbols.records) // _RECORD.size if elf.symbols else 0)


def _decode(elf: Elf) -> Symbols:
    table = elf.symbols
    rows: dict[bytes, tuple[int, ...]] = {}
    used: list[Symbol] = []
    if table is not None:
        names = table.names.split(b"\0")
        for row, (name, record) in enumerate(
            zip(names, _RECORD.iter_unpack(table.records), strict=False)
        ):
            _, info, _, place, uses, *_ = record
            # An undefined symbol with a value is a canonical PLT entry: it counts for pointers.
            if place != PLACE_UNDEFINED | PLACE_ZERO and name and info >> 4 != STB_LOCAL:
                rows[name] = (*rows.get(name, ()), row * _RECORD.size)
            if uses:
                used.append(Symbol(name, *record))
    definitions = Definitions(rows, table.records if table else b"")
    return Symbols(definitions, tuple(used), _versions(elf) if elf.has_version_table else {})


symbols_of = Shelf(_decode)


def _versions(elf: Elf) -> dict[int, Version]:
    """Return what each version index means; the base definition is no version."""
    known = {
        version.index & INDEX_BITS: Version(version.name, need.library)
        for need in elf.version_needs
        for version in need.versions
    }
    defined = (definition for definition in elf.version_defs if not definition.base)
    known.update({d.index & INDEX_BITS: Version(d.name, None) for d in defined})
    return known
