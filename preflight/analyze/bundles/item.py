"""What every container yields: one name, and its content once."""

from __future__ import annotations

from typing import IO, Literal, NamedTuple

from preflight.errors import BinaryError

ENTRIES = 200_000
UNPACKED_BYTES = 32 << 30
NAME_BYTES = 4096  # PATH_MAX of the Linux kernel
NAMES_BYTES = 128 << 20  # all of them, with the directories above
TABLES_BYTES = 512 << 20  # the symbol tables, which are kept
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


class TooMuchError(BinaryError):
    """A container that was made to take all time or memory, not one that is damaged."""


class Meter:
    """Holds a container to limits, so that a small file cannot take all time and memory."""

    def __init__(self, path: str, packed_bytes: int) -> None:
        self._path = path
        self._packed_bytes = packed_bytes
        self._entries = self._unpacked_bytes = self._names_bytes = self._tables_bytes = 0

    def count(self, item: Item) -> None:
        """Count one more; raises `TooMuchError` where that is too much."""
        self._entries += 1
        self._unpacked_bytes += item.size_bytes
        if self._entries > ENTRIES:
            raise TooMuchError(f"{self._path}: more than {ENTRIES:,} entries")
        if self._unpacked_bytes > UNPACKED_BYTES:
            raise TooMuchError(f"{self._path}: more than {UNPACKED_BYTES >> 30} GiB when unpacked")
        if self._unpacked_bytes > max(_RATIO_FROM_BYTES, RATIO * self._packed_bytes):
            raise TooMuchError(f"{self._path}: unpacks to more than {RATIO} times its size")

    def name(self, path: str, target: str = "") -> None:
        """Count the name of an entry, or of a directory that it lies in."""
        self._names_bytes += len(path) + len(target)
        if max(len(path), len(target)) >= NAME_BYTES:
            raise TooMuchError(f"{self._path}: a name of more than {NAME_BYTES - 1:,} bytes")
        if self._names_bytes > NAMES_BYTES:
            raise TooMuchError(f"{self._path}: more than {NAMES_BYTES >> 20} MiB of names")

    def table(self, size_bytes: int) -> None:
        """Count a symbol table that is kept."""
        self._tables_bytes += size_bytes
        if self._tables_bytes > TABLES_BYTES:
            limit = TABLES_BYTES >> 20
            raise TooMuchError(f"{self._path}: more than {limit} MiB of symbol tables")
