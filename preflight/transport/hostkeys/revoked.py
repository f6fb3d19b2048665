"""
Keys that nobody may trust any more: the file that RevokedHostKeys names.

Either public keys, one a line, or a Key Revocation List.  Where it cannot be
read, no host is trusted.  Source: ssh_config(5), RevokedHostKeys; OpenSSH
authfile.c, sshkey_check_revoked() and sshkey_in_file().
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Protocol

from preflight.errors import TransportError
from preflight.transport.hostkeys import krl, refusal
from preflight.transport.hostkeys.certificate import SUFFIX, read_certificate
from preflight.transport.hostkeys.key import PublicKey, read_key
from preflight.transport.hostkeys.offer import Offer


class RevokedKeys(Protocol):
    """The content of one file."""

    def revoked(self, offer: Offer) -> PublicKey | None:
        """Return the key of *offer* that is revoked, its own or its authority's, else None."""


def refuse_revoked(path: str, offer: Offer) -> None:
    """Raise `TransportError` where the file *path* revokes *offer*, or cannot be read."""
    try:
        key = _load(path).revoked(offer)
    except (OSError, ValueError) as error:
        says = error.strerror if isinstance(error, OSError) else error
        reason = f"no host is trusted while the revoked keys of {path} cannot be read: {says}"
        raise TransportError("host-key", "revoked-keys-unreadable", reason) from None
    if key is not None:
        raise refusal.revoked(offer, key, path)


class _KeyList:
    """A file of public keys, one a line."""

    def __init__(self, content: bytes) -> None:
        lines = (line.strip() for line in content.split(b"\n"))
        self._keys = {_read_line(line) for line in lines if line and not line.startswith(b"#")}

    def revoked(self, offer: Offer) -> PublicKey | None:
        """Return the key of *offer* that is in the file."""
        return next((key for key in offer.keys if key in self._keys), None)


def _read_line(line: bytes) -> PublicKey:
    """Return the key of a line, of a certificate the certified one."""
    words = line.split(None, 2)
    if len(words) < 2:
        raise ValueError("a line that is not 'type key'")
    key = read_key(words[0], words[1])
    return read_certificate(key.blob).key if key.type.endswith(SUFFIX) else key


_lists: dict[str, tuple[tuple[int, ...], RevokedKeys]] = {}
_lock = threading.Lock()


def _load(path: str) -> RevokedKeys:
    with _lock:
        found = os.stat(path)  # noqa: PTH116
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if path not in _lists or _lists[path][0] != state:
            content = Path(path).read_bytes()
            read = krl.KeyRevocationList if content.startswith(krl.MAGIC) else _KeyList
            _lists[path] = (state, read(content))
        return _lists[path][1]
