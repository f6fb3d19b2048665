"""Numbers and names at offsets that a file itself gives, which may point anywhere."""

from __future__ import annotations

from typing import Literal

from preflight.elf import Source
from preflight.model import text

NAME_BYTES = 512
MOST = 1024  # entries of one table that are read: programs have some hundred at most
_LEB_BYTES = 10


class Cut(Exception):  # noqa: N818 - ends a table, not the program
    """The file points outside of itself, or its tables make no sense; the text says where."""


class Fields:
    """Reads a file's fields; every method raises `Cut` beyond the end of the file."""

    def __init__(self, source: Source, endian: Literal["little", "big"] = "little") -> None:
        self._source = source
        self._endian = endian
        self.size_bytes = source.size_bytes

    def bytes(self, offset: int, size: int) -> bytes:
        """Return *size* bytes."""
        data = self._source.read(offset, size) if 0 <= offset <= self.size_bytes else b""
        if len(data) < size:
            raise Cut(f"it points at byte {offset}, beyond its end")
        return data

    def number(self, offset: int, size: int) -> int:
        """Return the unsigned number of *size* bytes."""
        return int.from_bytes(self.bytes(offset, size), self._endian)

    def name(self, offset: int) -> str:
        """Return the text up to a NUL."""
        if not 0 <= offset < self.size_bytes:
            raise Cut(f"a name at byte {offset}, beyond its end")
        data, nul, _ = self._source.read(offset, NAME_BYTES).partition(b"\0")
        if not nul:
            raise Cut(f"the name at byte {offset} does not end")
        return text.decode(data)

    def leb(self, offset: int) -> tuple[int, int]:
        """Return an unsigned LEB128 number, and where it ends."""
        value = 0
        for place in range(_LEB_BYTES):
            byte = self.bytes(offset + place, 1)[0]
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value, offset + place + 1
        raise Cut(f"the number at byte {offset} does not end")
