"""What ``ProxyJump`` and ``-J`` name: ``[user@]host[:port]`` or a URI, with commas between."""

from __future__ import annotations

import re
from typing import NamedTuple

from preflight.transport.config.failures import Unusable

_HOP = re.compile(
    r"(?:(?P<user>.+)@)?(?:\[(?P<number>[^\[\]]+)\]|(?P<name>[^\[\]@:/]+))(?::(?P<port>\d+))?"
)
_NAME = re.compile(r"(?!-)[^\s'`\"$\\;&<>|(){},/@\x00-\x1f\x7f]+")


class Hop(NamedTuple):
    """One jump host as it is written."""

    host: str
    user: str | None = None
    port: int | None = None


def parse(text: str) -> tuple[Hop, ...]:
    """
    Return the jump hosts in the order in which they are passed; none for "none".

    Raises `Unusable`.  Source: OpenSSH readconf.c, parse_jump().
    """
    if text.lower() == "none":
        return ()
    return tuple(_hop(part) for part in text.split(","))


def _hop(text: str) -> Hop:
    found = _HOP.fullmatch(text.removeprefix("ssh://").rstrip("/"))
    host = (found["number"] or found["name"]) if found else ""
    if found is None or not _NAME.fullmatch(host) or _bad_user(found["user"]):
        raise Unusable(f"the jump host {text!r} is not [user@]host[:port]")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:
        raise Unusable(f"the jump host {text!r} has no port from 1 to 65535")
    return Hop(host, found["user"], port)


def _bad_user(user: str | None) -> bool:
    return user is not None and (":" in user or bool(re.search(r"\s|^-", user)))
