"""
The addresses of a name, from the system's name service.

getaddrinfo(3) cannot be interrupted, so it runs in threads.  One that is over
its time is left to itself, and another takes its place: a name that hangs does
not hold up the others.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from typing import Any, TypeAlias

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.lost import timed_out
from preflight.transport.pool import DaemonPool

LOOKUPS = 64  # at a time, those that are over their time not counted
HUNG = 512  # lookups over their time that are borne
KEPT, KEPT_S = 1024, 30.0  # how many names are remembered, and how long
SocketAddress: TypeAlias = tuple[Any, ...]
Address: TypeAlias = tuple[socket.AddressFamily, SocketAddress]
_Key: TypeAlias = tuple[str, int]


class Resolver:
    """
    Looks names up; hosts with the same name share one lookup.

    To be used from one event loop.
    """

    def __init__(self) -> None:
        self._pool = DaemonPool(LOOKUPS + HUNG, "preflight-resolve")
        self._in_time = asyncio.Semaphore(LOOKUPS)
        self._hung = 0
        self._lookups: dict[_Key, _Lookup] = {}

    async def resolve(
        self,
        address: str,
        port: int,
        family: socket.AddressFamily,
        timeout_s: float,
        deadline: Deadline,
    ) -> list[Address]:
        """Return the addresses of a name; the name service gets at most *timeout_s* seconds."""
        found = _numeric(address, family)
        if found is None:
            lookup = self._lookup((address, family), timeout_s)
            asked = time.monotonic()
            await lookup.begun.wait()
            deadline.postpone(time.monotonic() - asked)
            limit_s = min(timeout_s, deadline.left_s())
            if not lookup.answer.done():
                await asyncio.wait({lookup.answer}, timeout=limit_s)
            found = _read(lookup.answer, address, timeout_s, deadline)
        return [(kind, _with_port(peer, port)) for kind, peer in found]

    def _lookup(self, key: _Key, timeout_s: float) -> _Lookup:
        lookup = self._lookups.get(key)
        if lookup is None or lookup.is_old():
            self._lookups.pop(key, None)
            if len(self._lookups) >= KEPT:
                self._forget()
            lookup = self._lookups[key] = _Lookup()
            lookup.task = asyncio.ensure_future(self._ask(key, lookup, timeout_s))
        return lookup

    def _forget(self) -> None:
        """Forget the oldest names that nobody waits for."""
        answered = [key for key, lookup in self._lookups.items() if lookup.answer.done()]
        for key in answered[: KEPT // 2]:
            del self._lookups[key]

    async def _ask(self, key: _Key, lookup: _Lookup, timeout_s: float) -> None:
        async with self._in_time:
            lookup.begun.set()
            if self._hung >= HUNG:
                reason = f"the name service does not answer: {HUNG} lookups hang"
                lookup.fail(TransportError("timeout", "connect-timeout", reason))
                return
            asked = asyncio.wrap_future(self._pool.submit(_getaddrinfo, *key))
            asked.add_done_callback(lookup.take)
            done, _ = await asyncio.wait({asked}, timeout=timeout_s)
        if not done:
            self._hung += 1
            with suppress(OSError, ValueError):
                await asked
            self._hung -= 1


class _Lookup:
    """One name on its way through the name service, and what came of it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.answer: asyncio.Future[list[Address]] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None  # the loop itself would forget it
        self._answered_s = 0.0

    def take(self, asked: asyncio.Future[list[Address]]) -> None:
        """Keep the answer."""
        self._answered_s = time.monotonic()
        error = asked.exception()
        if error is None:
            self.answer.set_result(asked.result())
            return
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        self.answer.set_exception(error)
        self.answer.exception()  # somebody has seen it, also where nobody waits any longer

    def is_old(self) -> bool:
        """Whether the answer has been here for so long that it is asked for again."""
        return self.answer.done() and time.monotonic() - self._answered_s > KEPT_S


def _getaddrinfo(address: str, family: int, flags: int = 0) -> list[Address]:
    found = socket.getaddrinfo(address, None, family, socket.SOCK_STREAM, flags=flags)
    return [(kind, peer) for kind, _, _, _, peer in found]


def _with_port(peer: SocketAddress, port: int) -> SocketAddress:
    return (peer[0], port, *peer[2:])


def _numeric(address: str, family: socket.AddressFamily) -> list[Address] | None:
    """Return the address that *address* already is, None for a name."""
    try:
        return _getaddrinfo(address, family, socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        return None


def _read(
    answer: asyncio.Future[list[Address]], address: str, timeout_s: float, deadline: Deadline
) -> list[Address]:
    if not answer.done():
        reason = f"the name {address!r} could not be looked up in {timeout_s:g} s"
        raise timed_out("connect-timeout", reason, deadline)
    try:
        return answer.result()
    except (OSError, ValueError) as error:  # ValueError: no name at all, such as "a..b"
        detail = error.strerror if isinstance(error, OSError) else error
        reason = f"the name {address!r} cannot be looked up: {detail}"
        raise TransportError("unreachable", "name-not-found", reason) from None
