"""
Jump hosts: few connections to each, shared by all the hosts behind it.

A connection takes `CAPACITY` hosts at a time, and a further one is opened when
they are there.  It stays open for a while after its last host, for the next
one.  A failure is shared as well: fifty hosts behind a jump host that refuses a
key are one refused log-in, not fifty.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.lost import lost
from preflight.transport.pool import DaemonPool
from preflight.transport.watchdog import Watch, watch

# Every connection has one window, one cipher and, with paramiko, one thread.
CAPACITY = 64
IDLE_S = 10.0
# How long a failure is everybody's: a refusal, and what may be gone at the next try.
FAILURE_S = 10.0
FAULT_S = 1.0
# How long a host that does not answer, or that nobody talks to yet, counts for
# one that is logged in to.
PATIENCE_S = 1.0
# Hosts behind one jump host that are on their way at a time.
WAYS = 64


class Named(Protocol):
    """Which jump host, and how it is reached: equal ones share."""

    @property
    def name(self) -> str:
        """What it is called."""


class Connection(Protocol):
    """What hosts share."""

    def is_alive(self) -> bool:
        """Say whether it can still be used."""

    def close(self) -> None:
        """End it."""


K = TypeVar("K", bound=Named)
C = TypeVar("C", bound=Connection)


class Turns:
    """Log-ins in flight through one jump host."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # Since when the host has been in its state; infinite while it is logged in to.
        self._turns: dict[Turn, float] = {}

    def take(self, limit: int, deadline: Deadline) -> Turn:
        """Wait until fewer than *limit* are in flight; raises `TransportError` at *deadline*."""
        turn = Turn(self, limit)
        self.renew(turn, time.monotonic, deadline)
        return turn

    def renew(self, turn: Turn, since_s: Callable[[], float], deadline: Deadline) -> None:
        """
        Have a turn count again; waits where it had ceased to, and others have come before.

        The wait is bounded by the host's time, and is not taken from it.
        """
        asked_s = time.monotonic()
        with self._changed:
            while not _counts(self._turns.get(turn, 0.0)) and self._is_full(turn.limit):
                if not deadline.left_s():
                    raise lost("while it waited for its turn at the jump host", deadline)
                self._changed.wait(max(0.001, min(self._relief_s(), deadline.left_s())))
            self._turns[turn] = since_s()
        deadline.postpone(time.monotonic() - asked_s)

    def end(self, turn: Turn) -> None:
        """Let the next one begin."""
        with self._changed:
            if self._turns.pop(turn, None):
                self._changed.notify_all()

    def _is_full(self, limit: int) -> bool:
        return sum(map(_counts, self._turns.values())) >= limit

    def _relief_s(self) -> float:
        """Return when a host ceases to count of which nobody will say anything."""
        counting = [since_s for since_s in self._turns.values() if _counts(since_s)]
        return min(counting, default=0.0) + PATIENCE_S - time.monotonic()


def _counts(since_s: float) -> bool:
    return time.monotonic() - since_s < PATIENCE_S


class Turn:
    """
    One host's turn to be logged in to: dialled, waiting for somebody to talk to it, talked to.

    Only the last counts for as long as it lasts: neither a dead host nor a lack
    of workers keeps the others from a log-in.
    """

    def __init__(self, turns: Turns, limit: int) -> None:
        self.limit = limit
        self._turns = turns

    def answered(self, deadline: Deadline) -> None:
        """Say that the host is there."""
        self._turns.renew(self, time.monotonic, deadline)

    def begin(self, deadline: Deadline) -> None:
        """Say that the host is being logged in to."""
        self._turns.renew(self, lambda: math.inf, deadline)

    def end(self) -> None:
        """Say that the host was logged in to, or is not going to be; safe to call twice."""
        self._turns.end(self)


class _Shared(Generic[C]):
    """A connection, and how many use it."""

    def __init__(self, connection: C) -> None:
        self.connection = connection
        self.users = 0
        self.leaving: Watch | None = None


class _Jump(Generic[C]):
    """One jump host: the connections to it, or why there is none."""

    def __init__(self) -> None:
        self.connecting = threading.Lock()
        self.shared: list[_Shared[C]] = []
        self.turns = Turns()
        self.ways = DaemonPool(WAYS, "preflight-behind")
        self.failure: TransportError | None = None
        self.failed_until = Deadline(0.0)


class Sharing(Generic[K, C]):
    """The jump hosts in use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jumps: dict[K, _Jump[C]] = {}

    def lease(self, key: K, deadline: Deadline, connect: Callable[[], C]) -> Lease[C]:
        """Return a share of a connection to a jump host, which *connect* opens if need be."""
        jump = self._jump(key)
        if not jump.connecting.acquire(timeout=deadline.left_s()):
            raise lost(f"while waiting for the jump host {key.name}", deadline)
        try:
            shared = self._share(jump) or self._connect(jump, key, connect)
        finally:
            jump.connecting.release()
        return Lease(shared.connection, lambda: self._release(jump, shared))

    def turns(self, key: K) -> Turns:
        """Return the log-ins in flight through a jump host."""
        return self._jump(key).turns

    def ways(self, key: K) -> DaemonPool:
        """Return the threads in which hosts behind a jump host wait for it, and nobody else."""
        return self._jump(key).ways

    def _jump(self, key: K) -> _Jump[C]:
        with self._lock:
            return self._jumps.setdefault(key, _Jump())

    def _share(self, jump: _Jump[C]) -> _Shared[C] | None:
        """Return a connection that stands and has room; called by one thread at a time."""
        for shared in list(jump.shared):
            if shared.users < CAPACITY and self._use(jump, shared):
                return shared
        return None

    def _use(self, jump: _Jump[C], shared: _Shared[C]) -> bool:
        alive = shared.connection.is_alive()
        with self._lock:
            if shared not in jump.shared:
                return False
            if alive:
                shared.users += 1
                leaving, shared.leaving = shared.leaving, None
            else:
                jump.shared.remove(shared)
                leaving = shared.leaving
        if leaving:
            leaving.cancel()
        if not alive:
            shared.connection.close()
        return alive

    def _connect(self, jump: _Jump[C], key: K, connect: Callable[[], C]) -> _Shared[C]:
        if jump.failure and jump.failed_until.left_s():
            raise through(key, jump.failure)
        try:
            shared = _Shared(connect())
        except TransportError as error:
            if error.cause not in ("deadline", "interrupted"):
                jump.failure = error
                jump.failed_until = Deadline.after(FAULT_S if error.passing else FAILURE_S)
            raise through(key, error) from None
        with self._lock:
            shared.users = 1
            jump.shared.append(shared)
        return shared

    def _release(self, jump: _Jump[C], shared: _Shared[C]) -> None:
        with self._lock:
            shared.users -= 1
            if shared.users or shared not in jump.shared:
                return
            shared.leaving = watch(Deadline.after(IDLE_S), partial(self._leave, jump, shared))

    def _leave(self, jump: _Jump[C], shared: _Shared[C]) -> None:
        with self._lock:
            if shared.users or shared not in jump.shared:
                return
            jump.shared.remove(shared)
        shared.connection.close()


def through(key: Named, error: TransportError) -> TransportError:
    """Return the failure of a host of which the jump host failed."""
    cause = "deadline" if error.cause == "deadline" else "jump-failed"
    reason = f"the jump host {key.name}: {error.message}"
    return TransportError(error.status, cause, reason, error.hint, passing=error.passing)


class Lease(Generic[C]):
    """One host's share of a connection to its jump host; *release* gives it back."""

    def __init__(self, connection: C, release: Callable[[], None]) -> None:
        self.connection = connection
        self._release = release

    def release(self) -> None:
        """Give the share back, once; the connection ends some time after the last share."""
        release, self._release = self._release, _nothing
        release()


def _nothing() -> None:
    """Release what was released before: nothing."""
