"""
An ELF file as it stands in memory once its PT_LOAD segments are mapped.

Every table is reached by its address, as a loader reaches it; nothing here
raises for any bytes.  What is not there reads as short, and the first such
miss is kept as the file's defect.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Iterable
from struct import Struct
from typing import Literal

from preflight.elf.source import Source
from preflight.model.elf import PT_LOAD, Endian, Segment

_NATIVE = sys.byteorder


class Layout:
    """How one class and byte order writes its structures.  Source: gABI, chapters 4 and 5."""

    def __init__(self, bits: Literal[32, 64], endian: Endian) -> None:
        order = "<" if endian == "little" else ">"
        wide = bits == 64
        self.bits = bits
        self.endian = endian
        self.name = bits, endian
        self.order = order
        self.header = Struct(order + ("16sHHIQQQIHHHHHH" if wide else "16sHHIIIIIHHHHHH"))
        self.segment = Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII"))
        self.dynamic = Struct(order + ("QQ" if wide else "II"))
        self.symbol_bytes = 24 if wide else 16
        self.word_bytes = bits // 8

    def words(self, data: bytes, size_bytes: int) -> array.array[int]:
        """Return *data* as unsigned integers of *size_bytes*; a cut one at the end is left out."""
        words = array.array({2: "H", 4: "I", 8: "Q"}[size_bytes])
        words.frombytes(data[: len(data) - len(data) % size_bytes])
        if self.endian != _NATIVE:
            words.byteswap()
        return words


class Image:
    """The mapped file: bytes by address, strings of DT_STRTAB, and the first defect met."""

    def __init__(self, source: Source, layout: Layout) -> None:
        self.source = source
        self.layout = layout
        self.defect: str | None = None
        self._loads: list[tuple[int, int, int]] = []

    def map(self, segments: Iterable[Segment]) -> None:
        """Map the PT_LOAD segments; where two overlap the later one counts, as in memory."""
        size = self.source.size_bytes
        loads = (s for s in segments if s.type == PT_LOAD)
        mapped = ((s.vaddr, min(s.filesz, size - s.offset), s.offset) for s in loads)
        self._loads = [load for load in mapped if load[1] > 0][::-1]

    def complain(self, defect: str) -> None:
        """Keep *defect*, one plain sentence, unless an earlier one is known."""
        self.defect = self.defect or defect

    def extent(self, address: int) -> int:
        """Return how many bytes of the file stand at *address* and after it, in memory's order."""
        total = 0
        while (found := self._load_of(address + total)) is not None:
            vaddr, size, _ = found
            total = vaddr + size - address
        return total

    def window(self, address: int, size: int) -> bytes:
        """
        Return the bytes at *address*, fewer than *size* where no segment goes on.

        Segments may adjoin: patchelf has a string table begin in one and end in the next.
        """
        pieces: list[bytes] = []
        end = address + size
        while address < end and (found := self._load_of(address)) is not None:
            vaddr, extent, offset = found
            skipped = address - vaddr
            wanted = min(end - address, extent - skipped)
            pieces.append(self.source.read(offset + skipped, wanted))
            if len(pieces[-1]) < wanted:  # the file has shrunk meanwhile
                break
            address += wanted
        return b"".join(pieces)

    def _load_of(self, address: int) -> tuple[int, int, int] | None:
        for load in self._loads:
            if load[0] <= address < load[0] + load[1]:
                return load
        return None

    def table(self, address: int, size: int, what: str) -> bytes:
        """Return the *size* bytes of the table *what*, or what there is of it and a defect."""
        data = self.window(address, size)
        if len(data) < size:
            self.complain(f"{what} lies outside the file's segments")
        return data


def cut(data: bytes, entry_bytes: int) -> bytes:
    """Return *data* without a last entry that is cut off."""
    return data[: len(data) - len(data) % entry_bytes]
