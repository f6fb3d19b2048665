"""
Small files of a cache: checked when they are read, replaced whole when they are written.

The time of a record's last use is its mtime, true to a day; who needs room
removes first what was not used for longest.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

_CHECKSUM = 64  # hexadecimal digits
_DAY_S = 86400
_HOUR_S = 3600
_MARKER = ".pruned"  # its mtime: when somebody last looked for what is too much
_ROOM = 0.9  # of the limit is left full, so that the next look finds nothing to do


class Record(Struct, frozen=True):
    """One record as it lies on the disk."""

    name: str
    used_s: float  # since the epoch
    size_bytes: int  # that it takes up


class Pruned(Struct, frozen=True):
    """What was removed, and what is left."""

    removed: int
    freed_bytes: int
    left_bytes: int


class Records:
    """
    The records under one directory, by a relative name.

    Safe for many threads and processes: a record is written beside its place
    and renamed.  A damaged record, or one that lies under another's name, is
    no record.  A cache that cannot be written is used as it is.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: str) -> bytes | None:
        """Return the record *name*, None where there is none or it is damaged."""
        try:
            place = os.open(f"{self._directory}/{name}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            state = os.fstat(place)
            content = os.read(place, state.st_size)
            if time.time() - state.st_mtime > _DAY_S:
                with contextlib.suppress(OSError):
                    os.utime(place)
        except OSError:
            return None
        finally:
            os.close(place)
        payload = content[_CHECKSUM:]
        return payload if content[:_CHECKSUM] == _checksum(name, payload) else None

    def write(self, name: str, payload: bytes) -> None:
        """Write the record *name*, readable by its owner alone."""
        path = self._directory / name
        with contextlib.suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, _checksum(name, payload) + payload)

    def all(self) -> Iterator[Record]:
        """Yield every record, in no order; what an interrupted write left is removed."""
        yield from self._below("")

    def prune(self, limit_bytes: int, is_stale: Callable[[str], bool]) -> Pruned:
        """
        Remove records until they take up less than *limit_bytes*, if they are more.

        Those whose name *is_stale* go first, then the least recently used.
        Another process may read and write meanwhile: it finds one record less.
        """
        records = list(self.all())
        left = sum(record.size_bytes for record in records)
        if left <= limit_bytes:
            return Pruned(0, 0, left)
        removed = freed = 0
        for record in sorted(records, key=lambda one: (not is_stale(one.name), one.used_s)):
            if left - freed <= limit_bytes * _ROOM:
                break
            with contextlib.suppress(OSError):
                (self._directory / record.name).unlink()
                removed += 1
                freed += record.size_bytes
        return Pruned(removed, freed, left - freed)

    def prune_daily(self, limit_bytes: int, is_stale: Callable[[str], bool]) -> None:
        """Do the same unless somebody did it within a day, or does it now."""
        marker = self._directory / _MARKER
        try:
            if time.time() - marker.stat().st_mtime < _DAY_S:
                return
        except FileNotFoundError:
            pass
        with contextlib.suppress(OSError), marker.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.utime(marker)
            self.prune(limit_bytes, is_stale)

    def _below(self, folder: str) -> Iterator[Record]:
        try:
            entries = list(os.scandir(self._directory / folder))
        except OSError:
            return
        for entry in entries:
            with contextlib.suppress(OSError):  # somebody else removed it
                if entry.is_dir(follow_symlinks=False):
                    yield from self._below(f"{folder}{entry.name}/")
                    continue
                state = entry.stat(follow_symlinks=False)
                if not entry.name.startswith("."):
                    yield Record(f"{folder}{entry.name}", state.st_mtime, state.st_blocks * 512)
                elif folder and time.time() - state.st_mtime > _HOUR_S:
                    os.unlink(entry.path)  # noqa: PTH108  (DirEntry has its path as text)


def _checksum(name: str, payload: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + payload).hexdigest().encode()


def _replace(path: Path, content: bytes) -> None:
    # mkstemp(3) makes files of mode 0600.
    handle, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
