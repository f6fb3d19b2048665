"""Which bytes of a file lie at which addresses of the running program, for each of its formats."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from preflight.elf import Source
from preflight.model.elf import PF_W, PF_X, PT_LOAD, Elf


class Part(NamedTuple):
    """A stretch of the file, and where it is loaded."""

    address: int
    offset: int
    size_bytes: int  # of the file; what lies in memory behind it is zero
    is_data: bool  # it may be written, and holds no code


class Image:
    """One machine's program within a file: a universal Mach-O file has several."""

    def __init__(self, source: Source, parts: Iterable[Part]) -> None:
        self.source = source
        self.parts = tuple(parts)

    def read(self, address: int, size: int) -> bytes:
        """Return the bytes at an address, fewer at the end of their part or of the file."""
        for part in self.parts:
            inside = address - part.address
            if 0 <= inside < part.size_bytes:
                return self.source.read(part.offset + inside, min(size, part.size_bytes - inside))
        return b""


def elf_image(source: Source, elf: Elf) -> Image:
    """Return the segments that the kernel maps."""
    return Image(
        source,
        (
            Part(s.vaddr, s.offset, s.filesz, s.flags & (PF_X | PF_W) == PF_W)
            for s in elf.segments
            if s.type == PT_LOAD
        ),
    )
