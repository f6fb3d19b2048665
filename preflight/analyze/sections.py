"""
The section headers of an ELF file, for what only they lead to.

No kernel and no loader looks at these, and they may be missing or garbled: what
is found by them is advice, and never part of a verdict.  Source: gABI, "Sections".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct as Form

from msgspec import Struct

from preflight.elf.source import Source
from preflight.model.elf import Elf

_TABLE_BYTES = 1 << 20  # of section headers, and of their names
_NAME_BYTES = 64
_SHN_XINDEX = 0xFFFF  # e_shstrndx: too large, and in the first section's sh_link
_NAME, _OFFSET, _SIZE, _LINK = 0, 4, 5, 6


class Section(Struct, frozen=True):
    """Where one section lies in the file."""

    name: bytes
    offset: int
    size: int

    def read(self, source: Source, most: int) -> bytes:
        """Return its first *most* bytes, or what there is of them."""
        # An offset that is none is not handed to the file.
        return source.read(self.offset, min(self.size, most)) if self.inside(source) else b""

    def inside(self, source: Source) -> bool:
        """Whether it begins in the file."""
        return self.offset < source.size_bytes


def sections(source: Source, elf: Elf) -> tuple[Section, ...]:
    """Return the sections in their order, none where there is no table."""
    order, wide = "<" if elf.endian == "little" else ">", elf.bits == 64
    # e_shoff, then e_flags … e_phnum, then e_shentsize, e_shnum, e_shstrndx.
    header = Form(order + ("40xQ10xHHH" if wide else "32xI10xHHH"))
    head = source.read(0, header.size)
    if not elf.bits or len(head) < header.size:
        return ()
    offset, entry_bytes, count, names = header.unpack(head)
    entry = Form(order + ("IIQQQQIIQQ" if wide else "10I"))
    if entry_bytes != entry.size or not 0 < offset < source.size_bytes:
        return ()
    table = list(_entries(source, entry, offset, count))
    if not table:
        return ()
    names = table[0][_LINK] if names == _SHN_XINDEX else names
    return tuple(_named(source, table, names)) if names < len(table) else ()


def _entries(source: Source, form: Form, offset: int, count: int) -> Iterator[tuple[int, ...]]:
    """Yield the headers that are whole."""
    if count == 0:  # 65,280 or more: the first header's sh_size tells
        first = source.read(offset, form.size)
        count = form.unpack(first)[_SIZE] if len(first) == form.size else 0
    data = source.read(offset, min(count * form.size, _TABLE_BYTES))
    yield from form.iter_unpack(data[: len(data) - len(data) % form.size])


def _named(source: Source, table: Sequence[tuple[int, ...]], names: int) -> Iterator[Section]:
    own = Section(b"", table[names][_OFFSET], table[names][_SIZE])
    strings = own.read(source, _TABLE_BYTES)
    for entry in table:
        at = entry[_NAME]
        name = strings[at : at + _NAME_BYTES].partition(b"\0")[0]
        yield Section(name, entry[_OFFSET], entry[_SIZE])
