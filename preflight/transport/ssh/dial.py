"""
A TCP connection to a host, with every failure told apart.

paramiko would stop at the first address that times out or has no route, and
waits for the name service without limit.
"""

from __future__ import annotations

import errno
import queue
import socket
import threading
from typing import Any, TypeAlias

from preflight.errors import TransportError
from preflight.transport import Deadline

_SocketAddress: TypeAlias = tuple[Any, ...]
_Address: TypeAlias = tuple[socket.AddressFamily, _SocketAddress]
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_LOST = {errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE}
# What says most about the host comes first.
_TELLING = ("connection-refused", "connection-lost", "connect-timeout", "no-route")
# A peer that went away without a word is noticed after about half a minute.
# Not every platform has every option; TCP_USER_TIMEOUT is in milliseconds, the
# others are in seconds.  Source: tcp(7).
_TCP_OPTIONS = {
    "TCP_NODELAY": 1,
    "TCP_KEEPIDLE": 15,
    "TCP_KEEPALIVE": 15,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 30_000,
}


def dial(address: str, port: int, timeout_s: float, deadline: Deadline) -> socket.socket:
    """
    Return a connected socket: the name's addresses are tried in the resolver's order.

    *timeout_s* bounds the name service, and then each address.
    """
    failures: list[TransportError] = []
    for family, peer in resolve(address, port, timeout_s, deadline):
        if failures and not deadline.left_s():
            break
        try:
            return _connect(family, peer, min(timeout_s, deadline.left_s()))
        except OSError as error:
            failures.append(_classify(error, peer, timeout_s, deadline))
    rank = {cause: place for place, cause in enumerate(_TELLING)}
    raise min(failures, key=lambda failure: rank.get(failure.cause, -1))


def resolve(address: str, port: int, timeout_s: float, deadline: Deadline) -> list[_Address]:
    """Return the addresses of a name; the name service gets at most *timeout_s* seconds."""
    answer: queue.SimpleQueue[list[_Address] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
            answer.put([(family, peer) for family, _, _, _, peer in found])
        except (OSError, ValueError) as error:  # ValueError: no name at all, such as "a..b"
            answer.put(error)

    if _is_numeric(address):
        ask()
    else:
        threading.Thread(target=ask, daemon=True, name=f"resolve {address}").start()
    try:
        found = answer.get(timeout=min(timeout_s, deadline.left_s()))
    except queue.Empty:
        reason = f"the name {address!r} could not be looked up in {timeout_s:g} s"
        raise timed_out("connect-timeout", reason, deadline) from None
    if isinstance(found, Exception):
        detail = found.strerror if isinstance(found, OSError) else found
        reason = f"the name {address!r} cannot be looked up: {detail}"
        raise TransportError("unreachable", "name-not-found", reason)
    return found


def timed_out(cause: str, reason: str, deadline: Deadline) -> TransportError:
    """Return the failure of a wait that ended: the host's deadline, or a shorter limit."""
    if deadline.left_s():
        return TransportError("timeout", cause, reason)
    return TransportError("timeout", "deadline", f"the host's time was over: {reason}")


def _is_numeric(address: str) -> bool:
    try:
        socket.getaddrinfo(address, None, flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        return False
    return True


def _connect(family: socket.AddressFamily, peer: _SocketAddress, timeout_s: float) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        _set_options(sock)
        sock.settimeout(max(timeout_s, 0.001))
        sock.connect(peer)
    except BaseException:
        sock.close()
        raise
    return sock


def _set_options(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _TCP_OPTIONS.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _classify(
    error: OSError, peer: _SocketAddress, timeout_s: float, deadline: Deadline
) -> TransportError:
    place = f"{peer[0]} port {peer[1]}"
    if isinstance(error, TimeoutError):
        reason = f"no answer from {place} in {timeout_s:g} s"
        return timed_out("connect-timeout", reason, deadline)
    reason = f"cannot connect to {place}: {error.strerror or error}"
    if isinstance(error, ConnectionRefusedError):
        return TransportError("unreachable", "connection-refused", reason)
    if error.errno in _LOST:
        return TransportError("unreachable", "connection-lost", reason)
    if error.errno in _OUT_OF_RESOURCES:
        hint = "ask fewer hosts at a time, or raise the limit of open files"
        return TransportError("error", "internal", reason, hint)
    return TransportError("unreachable", "no-route", reason)
