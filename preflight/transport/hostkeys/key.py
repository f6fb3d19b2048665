"""A public key, as hosts show it and files hold it."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
from typing import NamedTuple

from preflight.model import text
from preflight.transport.hostkeys.wire import Reader, string

# How many strings follow the type in the keys that can be used here.
# Source: RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4.
FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
}


class PublicKey(NamedTuple):
    """A public key: its type's name and its bytes, as in RFC 4253, 6.6."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """The key's name for people, as `ssh-keygen -l` prints it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"

    @property
    def line(self) -> str:
        """The key as files hold it: its type, and its bytes in base64."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"


def read_key(key_type: bytes, encoded: bytes) -> PublicKey:
    """
    Return the key of a file's two words; raise ValueError where they are none.

    A type that cannot be used here is kept as it is.  Source: OpenSSH sshkey.c,
    sshkey_read().
    """
    name, beginning = _type(key_type)
    try:
        blob = binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error:
        raise ValueError("the key is not base64") from None
    if not blob.startswith(beginning):
        raise ValueError("the key is not of the type that the line names")
    if name in FIELDS and not _is_whole(blob, len(beginning), FIELDS[name]):
        raise ValueError("the key is cut off")
    return PublicKey(name, blob)


def key_of(blob: bytes) -> PublicKey:
    """Return the key that *blob* is; raise ValueError where it does not start with a type."""
    return PublicKey(text.decode(Reader(blob).string()), blob)


@functools.lru_cache(64)
def _type(key_type: bytes) -> tuple[str, bytes]:
    """Return a type's name, and how its keys begin."""
    return text.decode(key_type), string(key_type)


def _is_whole(blob: bytes, place: int, fields: int) -> bool:
    for _ in range(fields):
        place += 4 + int.from_bytes(blob[place : place + 4], "big")
    return place == len(blob)
