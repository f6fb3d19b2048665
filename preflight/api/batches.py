"""
Asks a fleet by batches, each one call of `run_batch` in any `concurrent.futures.Executor`.

A batch is bytes and so is what comes of it: it may run in another process, or
on another machine, with that machine's own keys, agent and known hosts.  One
that fails is split and tried again; a host is in the outcomes once.
"""

from __future__ import annotations

import math
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Self

from msgspec import MsgspecError, Struct, structs

from preflight.api.fleet import Fleet
from preflight.api.shares import gateway_of
from preflight.api.unasked import unasked
from preflight.api.wants import Options, Outcome, Want, WantsOf
from preflight.api.wire import Dispatcher, Listener, Receiver, Reporter, greeted, greeting, told
from preflight.errors import UsageError
from preflight.model.facts_lines import inflate
from preflight.model.host import Host
from preflight.transport import Deadline, in_one_run
from preflight.transport.credentials.guard import Guard, News, guard_of
from preflight.transport.credentials.secret import NO_SECRETS

_TICK_S = 0.2
_LARGEST, _SMALLEST = 256, 32  # hosts of a batch
_FEWEST = 16  # batches that a fleet is cut into, for as many workers
_FIRST = 8  # hosts, until a log-in has worked
_WINDOW = 256  # batches with the executor at a time: more would only wait there
_TRIES = 3
_WORKERS_S = 600.0
_OWN_KEYS = "have them log in with keys and agents of their own"
_SILENCE = "the executor gave nothing back for too long"
_PARTS = 8  # that a failed batch is split into


def run_batch(task: bytes) -> bytes:
    """
    Return what came of the hosts in *task*; both are lines of `wire`, compressed by zlib.

    Asks the hosts anew whenever it is called, and leaves nothing behind.
    Raises ValueError where another version of preflight made *task*.
    """
    first, *lines = inflate(task).splitlines()
    options, answers = greeted(first)
    guard = guard_of(options.connect.run)
    receiver, reporter = Receiver(), Reporter(answers=answers)
    asked: dict[str, tuple[Host, tuple[Want, ...]]] = {}
    for line in lines:
        got = receiver.hear(line)
        if isinstance(got, News):
            _hear_once(guard, got)
        elif got:
            asked[got[0].name] = got
    hosts = [host for host, _ in asked.values()]
    with Fleet(hosts, lambda host: asked[host.name][1], options) as fleet:
        results = [*map(reporter.outcome, fleet.outcomes()), *map(told, guard.known())]
    return zlib.compress(b"".join(results))


def _hear_once(guard: Guard, news: News) -> None:
    """Have *guard* hear *news*, unless it knows: refusals are counted."""
    if news not in guard.known():
        guard.hear(news)


class _Batch(Struct, frozen=True):
    hosts: tuple[Host, ...]
    tries: int = 0  # how often its hosts were handed over before


class Batches:
    """
    Asks many hosts by means of *executor*, which stays open; `Options.forks` is for each batch.

    A context manager with the surface of `Fleet`.  Hosts of the transport
    "local" are this machine, and are asked here.
    """

    def __init__(
        self,
        hosts: Sequence[Host],
        wants_of: WantsOf,
        options: Options,
        executor: Executor,
        *,
        answers: bool,
    ) -> None:
        self._left = {host.name: host for host in hosts}
        away = [host for host in self._left.values() if not _is_here(host, options)]
        here = [host for host in self._left.values() if _is_here(host, options)]
        # Hosts behind one gateway side by side, so that one batch may share its connection.
        ways = {gateway_of(host, options.connect): number for number, host in enumerate(away)}
        away.sort(key=lambda host: ways[gateway_of(host, options.connect)])
        self._todo = deque(away)
        self._again: deque[_Batch] = deque()
        self._size = max(_SMALLEST, min(_LARGEST, -(-len(away) // _FEWEST)))
        self._first = min(_FIRST, self._size)
        store = options.store.expanduser() if options.store else None
        self._here = Fleet(here, wants_of, structs.replace(options, store=store))
        self.notes = self._here.notes
        self._limit_s = options.deadline_s
        self._wants_of = wants_of
        self._executor = executor
        if options.connect.secrets != NO_SECRETS:
            raise UsageError("passwords and passphrases do not travel to workers", _OWN_KEYS)
        self._greeting = greeting(
            structs.replace(
                options,
                connect=in_one_run(options.connect),
                processes=1,
                deadline_s=None,  # it is kept here
            ),
            answers=answers,
        )
        self._guard = Guard()  # what the workers told of credentials
        self._listener = Listener()
        self._out: dict[Future[bytes], _Batch] = {}
        self._done: SimpleQueue[Future[bytes] | None] = SimpleQueue()
        # What the slowest batch may take, and what an executor may take to get workers.
        in_turn = -(-self._size // max(1, options.forks))
        self._patience_s = options.timeout_s * (in_turn + 1) + _WORKERS_S
        self._closed = ""
        self._failures: dict[str, str] = {}
        self._let_in = False
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._here.__exit__(*exc)
        self._cancel()

    def stop(self) -> None:
        """End the run; may be called from any thread and from a signal handler."""
        self._stopped = True
        self._here.stop()
        self._done.put(None)

    def outcomes(self) -> Iterator[Outcome]:
        """
        Yield one outcome for each host, as their batches are done; to be iterated once.

        After `stop`, or at the run's deadline, the hosts that are not done
        yet come out as "not-run", at once.
        """
        end = Deadline.after(math.inf if self._limit_s is None else self._limit_s)
        self._hand_over()
        for outcome in self._here.outcomes():
            del self._left[outcome.snapshot.host]
            yield outcome
        patience = Deadline.after(self._patience_s)
        while self._out and not self._stopped and end.left_s() and patience.left_s():
            with suppress(Empty):
                # A signal that comes just before the wait would not end one without an end.
                if (future := self._done.get(timeout=_TICK_S)) is not None:
                    yield from self._results(self._out.pop(future), future)
                    self._hand_over()
                    patience = Deadline.after(self._patience_s)
        self._cancel()
        late = not end.left_s()
        for host in self._left.values():
            yield self._unasked(host, late=late)

    # --- handing over ---

    def _hand_over(self) -> None:
        """Give the executor what it is to have."""
        while not self._closed and len(self._out) < (_WINDOW if self._let_in else 1):
            if (batch := self._next()) is None:
                return
            task = self._task(batch)
            try:
                future = self._executor.submit(run_batch, task)
            except Exception as error:  # noqa: BLE001 - broken or shut down, each in its own words
                self._closed = f"the executor takes no more work: {_words(error)}"
                return
            self._out[future] = batch
            future.add_done_callback(self._done.put)

    def _next(self) -> _Batch | None:
        if self._again:
            return self._again.popleft()
        size = self._size
        if not self._let_in:
            # One batch alone finds out whether the credentials are good, and grows as long as
            # nobody could tell: many at a time could lock an account.
            size, self._first = self._first, min(self._size, 2 * self._first)
        hosts = tuple(self._todo.popleft() for _ in range(min(size, len(self._todo))))
        return _Batch(hosts) if hosts else None

    def _task(self, batch: _Batch) -> bytes:
        dispatcher = Dispatcher()
        lines = (dispatcher.host(host, self._wants_of(host)) for host in batch.hosts)
        news = map(told, self._guard.known())
        return zlib.compress(b"".join((self._greeting, *news, *lines)))

    # --- what comes back ---

    def _results(self, batch: _Batch, future: Future[bytes]) -> Iterator[Outcome]:
        failure = "its result lacks some hosts"
        try:
            for outcome in self._outcomes_of(future):
                self._let_in = self._let_in or outcome.snapshot.status == "probed"
                if self._left.pop(outcome.snapshot.host, None):
                    yield outcome
        except _BatchError as error:
            failure = str(error)
        missing = tuple(host for host in batch.hosts if host.name in self._left)
        self._failures |= dict.fromkeys((host.name for host in missing), failure)
        if missing and batch.tries + 1 < _TRIES:
            self._again.extend(_split(_Batch(missing, batch.tries + 1)))

    def _outcomes_of(self, future: Future[bytes]) -> Iterator[Outcome]:
        """Yield what *future* holds; raises `_BatchError` where its batch went wrong."""
        if future.cancelled():
            raise _BatchError("somebody cancelled it")
        if error := future.exception():
            raise _BatchError(_words(error))
        try:
            for line in inflate(future.result()).splitlines():
                said = self._listener.hear(line)
                if isinstance(said, Outcome):
                    yield said
                elif isinstance(said, News):
                    _hear_once(self._guard, said)
        except (MsgspecError, ValueError, KeyError, zlib.error) as garbled:
            raise _BatchError(f"what came back is no result: {garbled}") from None

    def _unasked(self, host: Host, *, late: bool) -> Outcome:
        """Return the outcome of a host of which none came back."""
        if self._stopped:
            status, cause, reason = "not-run", "interrupted", "the run was stopped"
        elif late:
            status, cause = "not-run", "deadline"
            reason = f"the run's {self._limit_s:g} s were over"
        elif failure := self._failures.get(host.name):
            status, cause = "error", "internal"
            reason = f"every batch with the host in it failed; the last: {failure}"
        else:
            status, cause, reason = "not-run", "internal", self._closed or _SILENCE
        return unasked(host, self._wants_of(host), status, cause, reason)

    def _cancel(self) -> None:
        for future in self._out:
            future.cancel()
        self._out.clear()


class _BatchError(Exception):
    """A batch went wrong, and in what words."""


def _split(batch: _Batch) -> Iterator[_Batch]:
    """Yield the parts of *batch*, so that one host does not spoil the next try of many."""
    size = -(-len(batch.hosts) // _PARTS)
    for at in range(0, len(batch.hosts), size):
        yield _Batch(batch.hosts[at : at + size], batch.tries)


def _is_here(host: Host, options: Options) -> bool:
    return (host.transport or options.connect.transport) == "local"


def _words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
