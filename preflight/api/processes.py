"""
Asks a fleet in several processes, each with a `Fleet` of its own, as if it were one.

A process that dies takes no host with it: what it had not answered for is
asked once more, few hosts at a time, in its successor.
"""

from __future__ import annotations

import math
import selectors
import socket
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Self

from msgspec import MsgspecError, Struct, field, structs

from preflight.api.capacity import capacity
from preflight.api.offspring import Offspring
from preflight.api.shares import Shares
from preflight.api.unasked import unasked
from preflight.api.wants import Options, Outcome, WantsOf
from preflight.api.wire import Broken, Listener, Ready, confided, greeting, told
from preflight.model.host import Host
from preflight.probe.store import Store
from preflight.transport import Deadline, in_one_run
from preflight.transport.credentials.guard import Guard, News

_TICK_S = 0.2
_PARTING_S = 1.0
_MOST = 512  # hosts that one process has at a time, unless it has more forks
_SUSPECTS = 8  # hosts at a time of those that a process died of
_BAD_STARTS = 3


class _Place(Struct):
    """One of the processes, whichever child is in it just now."""

    number: int
    child: Offspring | None = None
    suspects: deque[Host] = field(default_factory=deque)
    bad_starts: int = 0

    @property
    def asked(self) -> int:
        """How many hosts are with the child."""
        return len(self.child.asked) if self.child else 0


class Processes:
    """
    Asks many hosts in *number* processes; `Options.forks` is for all of them.

    A context manager with the surface of `Fleet`: leaving it ends the processes.
    """

    def __init__(
        self,
        hosts: Sequence[Host],
        wants_of: WantsOf,
        options: Options,
        number: int,
        *,
        answers: bool,
    ) -> None:
        self._left = {host.name: host for host in hosts}
        self._wants_of = wants_of
        self._shares = Shares(list(self._left.values()), options.connect, number)
        self._places = [_Place(place) for place in range(number)]
        self._forks = max(1, options.forks // number)
        note = capacity(self._forks, None).note
        self.notes = (f"in each of {number} processes: {note}",) if note else ()
        self._limit_s = options.deadline_s
        self._store, self._store_bytes = options.store, options.store_bytes
        share = structs.replace(
            options,
            connect=in_one_run(options.connect),
            forks=self._forks,
            rate=options.rate and options.rate / number,
            deadline_s=None,  # it is kept here
            processes=1,
        )
        self._greeting = greeting(share, answers=answers) + confided(options.connect.secrets)
        self._guard = Guard()  # what the children told of credentials
        self._listener = Listener()
        self._tried: set[str] = set()
        self._let_in = False
        self._stopped = False
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._store and not self._stopped:
            Store(self._store).prune_daily(self._store_bytes)
        self.stop()
        children = [place.child for place in self._places if place.child]
        for child in children:
            child.hang_up()
        parting = Deadline.after(_PARTING_S)
        for child in children:
            child.end(parting.left_s())
        self._selector.close()
        self._wake.close()
        self._woken.close()

    def stop(self) -> None:
        """End the run; may be called from any thread and from a signal handler."""
        self._stopped = True
        with suppress(OSError):  # left already
            self._wake.send(b"\0")

    def outcomes(self) -> Iterator[Outcome]:
        """
        Yield one outcome for each host, as they are done; to be iterated once.

        After `stop`, or at the run's deadline, the hosts that are not done
        yet come out as "not-run", at once.
        """
        end = Deadline.after(math.inf if self._limit_s is None else self._limit_s)
        for place in self._places:
            self._start(place)
        status, cause, reason = "error", "internal", "no process of preflight's was left to ask it"
        while self._left and any(place.child for place in self._places):
            for outcome in self._step():
                if self._left.pop(outcome.snapshot.host, None):
                    yield outcome
            if self._stopped:
                status, cause, reason = "not-run", "interrupted", "the run was stopped"
                break
            if not end.left_s():
                reason = f"the run's {self._limit_s:g} s were over"
                status, cause = "not-run", "deadline"
                break
        for host in self._left.values():
            yield unasked(host, self._wants_of(host), status, cause, reason)

    def _step(self) -> Iterator[Outcome]:
        """Yield what came of some hosts, and give out others."""
        for key, _ in self._selector.select(_TICK_S):
            if isinstance(key.data, _Place):
                yield from self._hear(key.data)
        leader = next(filter(self._has_work, self._places), None)
        for place in self._places:
            # Until a log-in has worked, one child alone finds out whether the credentials
            # are good: several at a time could lock an account.
            if self._let_in or place is leader:
                self._feed(place)
            self._flush(place)

    def _has_work(self, place: _Place) -> bool:
        waiting = place.suspects or self._shares.left_for(place.number)
        return bool(place.child and (place.asked or waiting))

    # --- giving out ---

    def _feed(self, place: _Place) -> None:
        """Give a child as many hosts as it is to have; a slow one soon gets no more."""
        child = place.child
        if child is None or not child.ready:
            return
        room = self._room(place) - len(child.asked)
        if room > len(child.asked) // 8:  # a portion, not every single one
            for host in self._next(place, room):
                child.asked[host.name] = host
                child.send(child.dispatcher.host(host, self._wants_of(host)))

    def _room(self, place: _Place) -> int:
        if place.suspects or self._tried & (place.child.asked.keys() if place.child else set()):
            return _SUSPECTS
        # Half of what is left stays here, for whoever turns out to be quicker.
        share = len(self._left) // (2 * len(self._places))
        return max(self._forks, min(_MOST, share))

    def _next(self, place: _Place, room: int) -> Iterator[Host]:
        """Yield hosts for *place*, *room* at most."""
        for _ in range(room):
            if place.suspects:
                yield place.suspects.popleft()
            elif (host := self._shares.take(place.number)) is not None:
                yield host

    def _flush(self, place: _Place) -> None:
        if (child := place.child) is None:
            return
        child.flush()
        events = selectors.EVENT_READ
        if child.waits_to_send:
            events |= selectors.EVENT_WRITE
        if self._selector.get_key(child).events != events:
            self._selector.modify(child, events, place)

    # --- what comes back ---

    def _hear(self, place: _Place) -> Iterator[Outcome]:
        child = place.child
        if child is None:
            return
        try:
            lines = child.receive()
            if lines is not None:
                yield from self._understood(child, lines)
                return
        except (MsgspecError, ValueError, KeyError, zlib.error) as error:
            child.reason = f"it said what no process says: {error}"
        yield from self._bury(place, child)

    def _understood(self, child: Offspring, lines: Iterable[bytes]) -> Iterator[Outcome]:
        for line in lines:
            said = self._listener.hear(line)
            if isinstance(said, Outcome):
                self._let_in = self._let_in or said.snapshot.status == "probed"
                child.asked.pop(said.snapshot.host, None)
                yield said
            elif isinstance(said, News):
                self._spread(said, child)
            elif isinstance(said, Ready):
                child.ready = True
            elif isinstance(said, Broken):
                child.reason = said.reason

    def _spread(self, news: News, child: Offspring) -> None:
        """Let the others know what a host said to a credential of *child*."""
        self._guard.hear(news)
        self._let_in = self._let_in or news.worked
        for place in self._places:
            if place.child and place.child is not child:
                place.child.send(told(news))

    def _bury(self, place: _Place, child: Offspring) -> Iterator[Outcome]:
        """Put another child into the *place* of one that is gone, and its hosts before it."""
        self._selector.unregister(child)
        place.child = None
        how = child.end(0)
        for host in child.asked.values():
            if host.name in self._tried:
                reason = f"two processes ended while they asked it; the last: {how}"
                yield unasked(host, self._wants_of(host), "error", "internal", reason)
            else:
                self._tried.add(host.name)
                place.suspects.append(host)
        place.bad_starts += not child.asked
        self._start(place)

    def _start(self, place: _Place) -> None:
        """Put a child into *place*; where that cannot be, leave its hosts to the others."""
        while place.bad_starts < _BAD_STARTS:
            try:
                news = b"".join(map(told, self._guard.known()))
                place.child = child = Offspring(self._greeting + news)
            except OSError:
                place.bad_starts += 1
                continue
            self._selector.register(child, selectors.EVENT_READ, place)
            self._flush(place)
            return
        self._shares.give_up(place.number)
        if another := next((one for one in self._places if one.child), None):
            another.suspects.extend(place.suspects)
            place.suspects.clear()
