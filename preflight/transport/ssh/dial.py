"""
TCP connections to hosts, a thousand at a time in one thread, with every failure told apart.

paramiko would stop at the first address that times out or has no route, and
waits for the name service without limit.  asyncio's own way to connect looks
names up in threads that the end of the process waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import socket
from collections import deque
from concurrent.futures import Future

from msgspec import Struct

from preflight.errors import TransportError
from preflight.transport import Deadline, loop
from preflight.transport.lost import timed_out
from preflight.transport.pool import settle
from preflight.transport.ssh.resolve import Address, Resolver, SocketAddress

# How long an address has to itself before the next one is tried beside it.
# Source: RFC 8305, 5, "Connection Attempt Delay".
HEAD_START_S = 0.25
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# Source: connect(2); a signal does not end what was begun.
_UNDER_WAY = {errno.EINPROGRESS, errno.EINTR, errno.EWOULDBLOCK}
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


class Target(Struct, frozen=True):
    """
    Where to connect to, and from where.

    *timeout_s* bounds the name service, and then each address.
    """

    address: str
    port: int
    timeout_s: float
    family: socket.AddressFamily = socket.AF_UNSPEC
    bind_address: str | None = None  # numeric


def dial(address: str, port: int, timeout_s: float, deadline: Deadline) -> socket.socket:
    """Return a connected socket, whatever it takes; raise `TransportError` where none can be."""
    return set_out(Target(address, port, timeout_s), deadline).result()


def set_out(target: Target, deadline: Deadline) -> Future[socket.socket]:
    """
    Return the future of a connected, blocking socket, or of a `TransportError`.

    Nothing waits here, and a future that is cancelled leaves nothing behind.
    """
    way: Future[socket.socket] = Future()
    loop.run(_go(way, target, deadline), way)
    return way


async def _go(way: Future[socket.socket], target: Target, deadline: Deadline) -> None:
    try:
        sock = await _reach(target, deadline)
    except Exception as error:  # noqa: BLE001 - raised again by whoever waits
        settle(way, error)
    else:
        if not settle(way, sock):
            sock.close()


async def _reach(target: Target, deadline: Deadline) -> socket.socket:
    addresses = await _resolver().resolve(
        target.address, target.port, target.family, target.timeout_s, deadline
    )
    if len(addresses) == 1:
        return _connected([await _attempt(target, addresses[0], deadline)])
    return await _race(target, deque(interleaved(addresses)), deadline)


def _resolver() -> Resolver:
    """Return the resolver of the loop that runs: there is one loop in the process."""
    if not _resolvers:
        _resolvers.append(Resolver())
    return _resolvers[0]


_resolvers: list[Resolver] = []


def interleaved(addresses: list[Address]) -> list[Address]:
    """Return the addresses by turns of their families, the first's first.  Source: RFC 8305, 4."""
    families: dict[socket.AddressFamily, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    turns = itertools.zip_longest(*families.values())
    return [address for turn in turns for address in turn if address is not None]


async def _race(target: Target, waiting: deque[Address], deadline: Deadline) -> socket.socket:
    """
    Return the first connection that comes about; an address starts when its turn has come.

    That is when the one before has failed, or its head start is over.
    """
    ended: list[socket.socket | TransportError] = []
    running: set[asyncio.Task[socket.socket | TransportError]] = set()
    try:
        while waiting or running:
            if waiting and (deadline.left_s() or not running):
                one = _attempt(target, waiting.popleft(), deadline)
                running.add(asyncio.ensure_future(one))
            done, running = await asyncio.wait(
                running,
                timeout=HEAD_START_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            ended += [task.result() for task in done]
            if any(isinstance(end, socket.socket) for end in ended):
                break
    finally:
        for task in running:
            if not task.cancel() and isinstance(sock := task.result(), socket.socket):
                sock.close()
    return _connected(ended)


def _connected(ended: list[socket.socket | TransportError]) -> socket.socket:
    """Return one of the connections that came about, or raise the failure that tells most."""
    sockets = [end for end in ended if isinstance(end, socket.socket)]
    for one in sockets[1:]:
        one.close()
    if sockets:
        return sockets[0]
    rank = {cause: place for place, cause in enumerate(_TELLING)}
    failures = [end for end in ended if isinstance(end, TransportError)]
    raise min(failures, key=lambda failure: rank.get(failure.cause, -1))


async def _attempt(
    target: Target, address: Address, deadline: Deadline
) -> socket.socket | TransportError:
    family, peer = address
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        return _classify(error, peer, target.timeout_s, deadline)
    try:
        sock.setblocking(False)
        _set_options(sock)
        if target.bind_address:
            sock.bind((target.bind_address, 0))
        await _connect(sock, peer, min(target.timeout_s, deadline.left_s()))
        sock.setblocking(True)
    except OSError as error:
        sock.close()
        return _classify(error, peer, target.timeout_s, deadline)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect(sock: socket.socket, peer: SocketAddress, limit_s: float) -> None:
    """Connect, as asyncio's `sock_connect` within its `timeout` does, for less CPU time."""
    error = sock.connect_ex(peer)
    if error in _UNDER_WAY:
        running = asyncio.get_running_loop()
        connected = running.create_future()
        number = sock.fileno()  # a socket would be written out as text, for an error unmade
        running.add_writer(number, _wake, connected)
        timer = running.call_later(limit_s, _wake, connected, TimeoutError())
        try:
            await connected
        finally:
            timer.cancel()
            running.remove_writer(number)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


def _wake(waiting: asyncio.Future[None], error: Exception | None = None) -> None:
    if waiting.done():
        return
    if error is None:
        waiting.set_result(None)
    else:
        waiting.set_exception(error)


def _set_options(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _TCP_OPTIONS.items():
        if hasattr(socket, name):
            with contextlib.suppress(OSError):  # a kernel that is older than this Python's headers
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _classify(
    error: OSError, peer: SocketAddress, timeout_s: float, deadline: Deadline
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
