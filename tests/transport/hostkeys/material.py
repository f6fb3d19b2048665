"""Keys and lines of known_hosts that are valid in form, made without any tool."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

from preflight.errors import TransportError
from preflight.transport.hostkeys.index import Index
from preflight.transport.hostkeys.key import FIELDS, PublicKey
from preflight.transport.hostkeys.known_hosts import KnownHosts
from preflight.transport.hostkeys.offer import Offer
from preflight.transport.hostkeys.record import Names, Record
from preflight.transport.hostkeys.wire import string
from preflight.transport.settings import Settings


def key(seed: int, kind: str = "ssh-ed25519") -> PublicKey:
    """Return a key that is valid in form."""
    body = hashlib.sha256(bytes([seed])).digest()
    fields = [string(body)] * FIELDS.get(kind, 1)
    return PublicKey(kind, string(kind.encode()) + b"".join(fields))


def line(names: str, of: PublicKey, marker: str = "") -> str:
    """Return a line of known_hosts."""
    return f"{marker} {names} {of.line}".strip()


def hashed(name: str) -> str:
    """Return *name* as HashKnownHosts writes it."""
    salt = hashlib.sha1(name.encode()).digest()
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def index(*lines: str) -> Index:
    """Return the index of a file with these lines."""
    made = Index("known")
    made.add(os.fsencode("\n".join(lines)))
    return made


def settings(port: int = 22, *known_hosts: object, **changes: object) -> Settings:
    """Return the settings of the host "web"."""
    fields = {
        "name": "web-1",
        "address": "web",
        "port": port,
        "user": "deploy",
        "connect_timeout_s": 10.0,
        "known_hosts": tuple(map(str, known_hosts)),
        "host_keys": "strict",
        "identity_file": None,
        "default_identities": (),
        "agent": None,
        "gateway": None,
    }
    return Settings(**(fields | changes))


def record(of: Index, port: int = 22, **changes: object) -> Record:
    """Return what *of* records of the host "web"."""
    return Record(KnownHosts((of,)), Names.of(settings(port, **changes)))


def cause(of: Index, offered: PublicKey, port: int = 22, **changes: object) -> str | None:
    """Return "new" or why *offered* is refused for the host "web", None where it is known."""
    try:
        return None if record(of, port, **changes).is_known(Offer(offered)) else "new"
    except TransportError as error:
        return error.cause
