"""Where the bytes of an ELF file come from: memory, a local file, or ranges that a host sent."""

from __future__ import annotations

import bisect
import os
from typing import BinaryIO, Protocol

# What a missing range is rounded to, in bytes: the tables of a library lie side by side.
GRANULE = 256 * 1024


class Source(Protocol):
    """Bytes at offsets; short at the end of the file, empty beyond it."""

    @property
    def size_bytes(self) -> int:
        """The size of the whole file."""

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes at *offset*, fewer than *size* at the end of the file only."""


class RangeNeeded(Exception):  # noqa: N818 - a request, not an error
    """A `SparseSource` lacks these bytes: fetch them, `SparseSource.add` them, read again."""

    def __init__(self, offset: int, size: int) -> None:
        super().__init__(f"bytes {offset} to {offset + size} are needed")
        self.offset = offset
        self.size = size


class BytesSource:
    """A file that is in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size_bytes(self) -> int:
        """The size of the whole file."""
        return len(self._data)

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes at *offset*."""
        return self._data[offset : offset + size]


class FileSource:
    """
    An open local file, read where it is asked for; its owner closes it.

    pread(2) rather than mmap(2): a file that shrinks meanwhile gives a short
    read and not SIGBUS, and pages that were read do not count as memory.
    Raises `OSError` where the file cannot be read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._fd = file.fileno()
        self._size_bytes = os.fstat(self._fd).st_size

    @property
    def size_bytes(self) -> int:
        """The size of the file when it was opened."""
        return self._size_bytes

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes at *offset*."""
        size = min(size, self._size_bytes - offset)
        return os.pread(self._fd, size, offset) if size > 0 else b""


class SparseSource:
    """A file of which only some ranges are here; reading elsewhere raises `RangeNeeded`."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._starts: list[int] = []
        self._ranges: list[bytes] = []

    @property
    def size_bytes(self) -> int:
        """The size of the whole file."""
        return self._size_bytes

    def add(self, offset: int, data: bytes) -> None:
        """Keep *data*, which stands at *offset* of the file."""
        where = bisect.bisect(self._starts, offset)
        self._starts.insert(where, offset)
        self._ranges.insert(where, data)

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes at *offset*; raises `RangeNeeded` where one is not here."""
        end = min(offset + size, self._size_bytes)
        parts = []
        while offset < end:
            part = self._held(offset, end)
            if not part:
                raise self._needed(offset, end)
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def _held(self, offset: int, end: int) -> bytes:
        """Return what is here from *offset* on, from the range that reaches furthest."""
        stop = bisect.bisect(self._starts, offset)
        held = (
            data[offset - start : end - start]
            for start, data in zip(self._starts[:stop], self._ranges[:stop], strict=True)
        )
        return max(held, key=len, default=b"")

    def _needed(self, offset: int, end: int) -> RangeNeeded:
        start = offset - offset % GRANULE
        stop = min(end + -end % GRANULE, self._size_bytes)
        return RangeNeeded(start, stop - start)
