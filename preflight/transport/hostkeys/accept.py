"""
Record the key of a host that is new: StrictHostKeyChecking accept-new.

One line is appended, and nothing else in the file is touched.  Whoever does
that locks the file and looks again first: of two processes that meet a host
at a time, the second verifies what the first has recorded.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import hashlib
import hmac
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from preflight.model import text
from preflight.transport import Deadline
from preflight.transport.hostkeys.key import PublicKey

_LOCK_S = 10.0
_POLL_S = 0.005
_SALT_BYTES = 20


def line_of(name: str, key: PublicKey, *, hashed: bool) -> bytes:
    """Return the line that ssh would write.  Source: OpenSSH hostfile.c, write_host_entry()."""
    shown = name.lower()
    if hashed:
        salt = secrets.token_bytes(_SALT_BYTES)
        digest = hmac.digest(salt, text.encode(shown), hashlib.sha1)
        words = (base64.b64encode(word).decode() for word in (salt, digest))
        shown = "|1|" + "|".join(words)
    return text.encode(f"{shown} {key.line}\n")


@contextlib.contextmanager
def locked(path: str, deadline: Deadline) -> Iterator[int]:
    """
    Yield a descriptor of the file *path*, which nobody else may append to meanwhile.

    The file is made where it is missing, and ~/.ssh too.  Raises OSError; at
    the deadline, or after ten seconds, TimeoutError.
    """
    end = Deadline.after(min(_LOCK_S, deadline.left_s()))
    _make_directory(path)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, end)
            if _is_still(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def append(descriptor: int, line: bytes) -> None:
    """Write *line* at the end of a file, on a line of its own; raises OSError."""
    before = os.fstat(descriptor)
    regular = stat.S_ISREG(before.st_mode)
    if regular and before.st_size and os.pread(descriptor, 1, before.st_size - 1) != b"\n":
        line = b"\n" + line
    written = os.write(descriptor, line)
    if written < len(line):  # no half lines on a full disk
        if os.fstat(descriptor).st_size == before.st_size + written:
            os.ftruncate(descriptor, before.st_size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _lock(descriptor: int, end: Deadline) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not end.left_s():
                raise TimeoutError(errno.ETIMEDOUT, "another process keeps it locked") from None
            time.sleep(_POLL_S)
        else:
            return


def _is_still(path: str, descriptor: int) -> bool:
    """Whether *path* is the file that was locked; ssh-keygen -R puts another in its place."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))  # noqa: PTH116
    except FileNotFoundError:
        return False


def _make_directory(path: str) -> None:
    """Source: OpenSSH hostfile.c, hostfile_create_user_ssh_dir()."""
    own = Path(os.path.expanduser("~/.ssh"))  # noqa: PTH111  (Path raises where there is no home)
    if own in Path(path).parents:
        own.mkdir(mode=0o700, exist_ok=True)
