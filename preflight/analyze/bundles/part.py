"""A part of a file that is a file by itself: an archive in an archive, or a member's content."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO


class Part(io.RawIOBase):
    """The next *size* bytes that *read* gives."""

    def __init__(self, read: Callable[[int], bytes], size: int) -> None:
        self._read, self._size, self._at = read, size, 0

    def read(self, size: int = -1) -> bytes:
        """Return up to *size* bytes, all that are left where it is negative."""
        left = max(self._size - self._at, 0)
        data = self._read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data


class Window(Part):
    """The next *size* bytes of *file*, in which one can seek."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__(file.read, size)
        self._file, self._start = file, file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to *offset* from the start of the part, or from where it is; return the place."""
        self._at = (self._at if whence == io.SEEK_CUR else 0) + offset
        self._file.seek(self._start + self._at)
        return self._at

    def tell(self) -> int:
        """Return the offset from the start of the part."""
        return self._at
