"""
The private directory of the control sockets, and the shell that clears up after us.

The shell waits for the end of a pipe that only this process holds, and so
notices every end of it, also a kill: then it kills the process groups that were
left, and removes the directory.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import subprocess
import tempfile
import threading
from pathlib import Path

from preflight.transport.process import Child

# The path of a socket has to fit into sockaddr_un with what ssh appends while
# it makes it.  Source: unix(7), unix(4) of macOS; OpenSSH mux.c, muxserver_listen().
_LONGEST = 104 - len(".0123456789abcdef") - 1
_FALLBACK = "/tmp"  # noqa: S108 - what is made there is private
_GOODBYE_S = 2.0
_CLEAR_UP = """\
trap '' HUP INT TERM
read -r _
for group in "$0"/group.*; do kill -s KILL -- "-${group##*.}"; done
rm -rf -- "$0"
"""


class Den:
    """A directory that nobody else can enter, and the process groups that live by it."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.path = _private_directory()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._configurations: dict[str, Path] = {}
        theirs, self._lifeline = os.pipe()
        try:
            nowhere = subprocess.DEVNULL
            command = ["/bin/sh", "-c", _CLEAR_UP, str(self.path)]
            self._keeper = Child(command, (theirs, nowhere, nowhere))
        finally:
            os.close(theirs)
        atexit.register(self.leave)

    def socket(self) -> Path:
        """Return the path for a new control socket."""
        return self.path / str(next(self._numbers))

    def configuration(self, content: str) -> Path:
        """Return a file with *content*, for ``ssh -F``."""
        with self._lock:
            if content not in self._configurations:
                path = self.path / f"config.{len(self._configurations)}"
                path.write_text(content, errors="surrogateescape")
                self._configurations[content] = path
            return self._configurations[content]

    def enter(self, group: int) -> None:
        """Have a process group killed at the end, however that comes."""
        (self.path / f"group.{group}").touch()

    def exit(self, group: int) -> None:
        """Leave a process group alone: it is over."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / f"group.{group}").unlink()

    def leave(self) -> None:
        """Kill what is left, and remove the directory; does nothing in a fork of this process."""
        if os.getpid() == self.process:
            os.close(self._lifeline)
            self._keeper.wait(_GOODBYE_S)


def _private_directory() -> Path:
    path = tempfile.mkdtemp(prefix="preflight-")
    if len(os.fsencode(path)) + len("/1000000") > _LONGEST:
        Path(path).rmdir()
        path = tempfile.mkdtemp(prefix="preflight-", dir=_FALLBACK)
    return Path(path)


_lock = threading.Lock()
_dens: list[Den] = []


def den() -> Den:
    """Return the directory of this process."""
    with _lock:
        if not _dens or _dens[-1].process != os.getpid():
            _dens.append(Den())
        return _dens[-1]
