"""What every container yields: one name, and its content once."""

from __future__ import annotations

from typing import IO, Literal, NamedTuple

from preflight.errors import BinaryError

ENTRIES = 200_000
UNPACKED_BYTES = 32 << 30
RATIO = 1000  # deflate's own limit is 1032
_RATIO_FROM_BYTES = 256 << 20


class Item(NamedTuple):
    """One name in a container; *content* is there for a file, until the next item."""

    path: str
    kind: Literal["file", "directory", "symlink", "hardlink", "other"]
    mode: int
    size_bytes: int = 0
    target: str = ""
    content: IO[bytes] | None = None


class Meter:
    """Holds a container to limits, so that a small file cannot take all time and memory."""

    def __init__(self, path: str, packed_bytes: int) -> None:
        self._path = path
        self._packed_bytes = packed_bytes
        self._entries = self._unpacked_bytes = 0

    def count(self, item: Item) -> None:
        """Count one more; raises `BinaryError` where that is too much."""
        self._entries += 1
        self._unpacked_bytes += item.size_bytes
        if self._entries > ENTRIES:
            raise BinaryError(f"{self._path}: more than {ENTRIES:,} entries")
        if self._unpacked_bytes > UNPACKED_BYTES:
            raise BinaryError(f"{self._path}: more than {UNPACKED_BYTES >> 30} GiB when unpacked")
        if self._unpacked_bytes > max(_RATIO_FROM_BYTES, RATIO * self._packed_bytes):
            raise BinaryError(f"{self._path}: unpacks to more than {RATIO} times its size")
