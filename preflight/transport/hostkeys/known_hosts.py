"""
The known_hosts files of a run, each read once and kept in step with what is appended to it.

An index is shared by all hosts and threads.  A file that changed in any other
way than at its end is read anew.
"""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import BinaryIO, NamedTuple

from preflight.model import text
from preflight.transport.hostkeys.index import Entry, Index
from preflight.transport.settings import SSH_PORT

# ssh_config(5): a UserKnownHostsFile of this name is no file.
NO_FILE = "none"
# How much of the end of a file is compared to tell that it was appended to.
_OVERLAP_BYTES = 4096
_SHOWN = 10  # warnings of one file


class KnownHosts(NamedTuple):
    """The recorded keys of several files, asked as one."""

    indexes: tuple[Index, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The files, in the order in which they are asked."""
        return tuple(index.path for index in self.indexes)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line for each line or file that could not be read, of each file the first few."""
        return tuple(line for index in self.indexes for line in _first(index))

    def find(self, name: str) -> tuple[Entry, ...]:
        """Return the entries that match the host called *name*, in the files' order."""
        wanted = text.encode(name).lower()
        return tuple(entry for index in self.indexes for entry in index.find(wanted))


def _first(index: Index) -> tuple[str, ...]:
    shown, more = index.warnings[:_SHOWN], len(index.warnings) - _SHOWN
    return (*shown, f"{index.path}: {more} more lines that mean nothing") if more > 0 else shown


def host_name(address: str, port: int) -> str:
    """Return what a host is called in known_hosts: the port only where it is not 22."""
    return address if port == SSH_PORT else f"[{address}]:{port}"


def load(paths: tuple[str, ...]) -> KnownHosts:
    """Return the index of *paths*; a file that does not exist is empty."""
    return KnownHosts(tuple(_file(path).index() for path in paths if path != NO_FILE))


class _File:
    """One file, and the index of what it held when it was last looked at."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._index = Index(self._path)
        self._state: tuple[int, ...] | None = None
        self._size_bytes = 0
        self._end = b""

    def index(self) -> Index:
        """Return the index of the file as it is now."""
        with self._lock:
            try:
                found = os.stat(self._path)  # noqa: PTH116
                state = _state(found)
                if state != self._state:
                    self._read(found.st_mode)
                    self._state = state
            except FileNotFoundError:
                self._forget()
            except OSError as error:
                self._forget()
                self._index.warnings = (f"{self._path}: {error.strerror}",)
            return self._index

    def _read(self, mode: int) -> None:
        if stat.S_ISCHR(mode):  # /dev/null, and nothing that never ends
            return
        with Path(self._path).open("rb") as file:
            new = self._appended(file)
            if new is None:
                self._forget()
                new = file.read()
        self._index.add(new)
        self._size_bytes += len(new)
        self._end = (self._end + new)[-_OVERLAP_BYTES:]

    def _appended(self, file: BinaryIO) -> bytes | None:
        """Return what follows what was read before; None where that is not as it was."""
        if not self._end.endswith(b"\n"):
            return None
        file.seek(self._size_bytes - len(self._end))
        tail = file.read()
        if tail.startswith(self._end):
            return tail.removeprefix(self._end)
        file.seek(0)
        return None


def _state(found: os.stat_result) -> tuple[int, ...]:
    """Return what changes when a file does; a pipe gives what it has but once."""
    if stat.S_ISREG(found.st_mode):
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return (found.st_dev, found.st_ino)


_files: dict[str, _File] = {}
_files_lock = threading.Lock()


def _file(path: str) -> _File:
    with _files_lock:
        if path not in _files:
            _files[path] = _File(path)
        return _files[path]
