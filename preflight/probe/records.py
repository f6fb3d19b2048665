"""Small files of a cache: checked when they are read, replaced whole when they are written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

_CHECKSUM = 64  # hexadecimal digits


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
            content = (self._directory / name).read_bytes()
        except OSError:
            return None
        payload = content[_CHECKSUM:]
        return payload if content[:_CHECKSUM] == _checksum(name, payload) else None

    def write(self, name: str, payload: bytes) -> None:
        """Write the record *name*, readable by its owner alone."""
        path = self._directory / name
        with contextlib.suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, _checksum(name, payload) + payload)


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
