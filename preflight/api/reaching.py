"""
The first stage of a run: hosts on their way, so that no worker waits for a dead one.

Hosts are taken from their source one by one and dialled ahead of the workers,
but not too far: who has taken our connection and waits for our first word may
hang up, and holds a place at its server.  How many of those whom we dial just
now will be there in a moment is not known; one that has not answered by then
hangs, most likely, and counts no more.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from threading import Condition, Lock, Thread
from typing import TypeAlias

from preflight.api.capacity import Capacity
from preflight.api.errand import Errand
from preflight.api.wants import Options
from preflight.model.host import Host
from preflight.transport import Contact, Deadline, reach
from preflight.transport.watchdog import watch

# How soon a host that is there has answered, as far as the number of those ahead goes.
_HOPE_S = 0.25
# No host is dialled while another has waited for a worker for longer.
_PATIENCE_S = 4.0
_SLACK = 0.75  # of those ahead: dialling goes on below
_TICK_S = 0.5

Reached: TypeAlias = "tuple[Errand, Contact | BaseException]"


class Reaching:
    """
    Sets out for *hosts*, and hands them over as they are reached, to `take`.

    *hire* is called where a host waits and no worker does, *ended* once,
    with the error that the source of hosts raised, or with None at its end.
    """

    def __init__(
        self,
        hosts: Iterable[Host],
        room: Capacity,
        options: Options,
        *,
        hire: Callable[[], None],
        ended: Callable[[BaseException | None], None],
    ) -> None:
        self.open: dict[int, Errand] = {}  # taken from the source, and not `done`
        self.taken = 0
        self._hosts = iter(hosts)
        self._capacity = room
        self._options = options
        self._interval_s = 1 / options.rate if options.rate else 0.0
        self._next_s = 0.0
        self._hire = hire
        self._ended = ended
        lock = Lock()
        self._room = Condition(lock)
        self._work = Condition(lock)
        self._hoped: deque[Errand] = deque()
        self._hopes = 0
        self._on_way: dict[int, Future[Contact]] = {}
        self._reached: deque[Reached] = deque()
        self._failed: deque[Reached] = deque()
        self._idle = 0
        self._exhausted = False
        self._stopped = False
        self._puller = Thread(target=self._pull, name="preflight-reach", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._puller.start()

    def stop(self) -> None:
        """Take no more hosts from the source, and hang up on those that nobody has talked to."""
        with self._room:
            self._stopped = True
            ways, self._on_way = list(self._on_way.values()), {}
            reached, self._reached = self._reached, deque()
            self._room.notify_all()
            self._work.notify_all()
        for way in ways:
            way.cancel()
        for _, contact in reached:
            _hang_up(contact)

    def join(self) -> None:
        """Wait until the source is left alone, after `stop`; it must not block."""
        self._puller.join()

    def take(self) -> Reached | None:
        """Return the next host that is reached, or why it is not; wait for it; None at the end."""
        with self._work:
            self._idle += 1
            while not (self._failed or self._reached or self._stopped):
                self._work.wait()
            self._idle -= 1
            if self._stopped:
                return None
            errand, result = (self._failed or self._reached).popleft()
            if self._has_slack():
                self._room.notify()
        errand.go_on()
        return errand, result

    def again(self, errand: Errand, pause_s: float) -> None:
        """Set out once more in a while."""
        errand.wait()
        errand.tries += 1
        with self._room:
            begin = max(time.monotonic() + pause_s, self._turn())
        watch(Deadline(begin), partial(self._begin, errand))

    def done(self, errand: Errand) -> None:
        """Forget *errand*."""
        self.open.pop(errand.number, None)

    @property
    def busy(self) -> bool:
        """Whether there is, or may be, a host that is not `done`."""
        return bool(self.open) or not self._exhausted

    def _pull(self) -> None:
        error: BaseException | None = None
        try:
            while self._room_comes() and (host := next(self._hosts, None)) is not None:
                errand = Errand(self.taken, host, self._options.timeout_s)
                self.open[self.taken] = errand
                self.taken += 1
                self._begin(errand)
        except BaseException as raised:  # noqa: BLE001 - the caller's own, and raised again there
            error = raised
        self._exhausted = True
        self._ended(error)

    def _room_comes(self) -> bool:
        """Wait until one more host can be dialled; return False after `stop`."""
        with self._room:
            while not self._stopped and (wait_s := self._full_s()):
                self._room.wait(wait_s)
            if not self._stopped and (wait_s := self._turn() - time.monotonic()) > 0:
                self._room.wait_for(lambda: self._stopped, wait_s)
            return not self._stopped

    def _turn(self) -> float:
        """Return the moment at which the rate allows another connection, and take it."""
        turn = max(time.monotonic(), self._next_s)
        self._next_s = turn + self._interval_s
        return turn

    def _full_s(self) -> float:
        """Return 0.0 where there is room, else how long to wait before looking again."""
        now = time.monotonic()
        while self._hoped and (now - self._hoped[0].since_s > _HOPE_S or not self._hoped[0].hoped):
            self._give_up_hope(self._hoped.popleft())
        if len(self._on_way) >= self._capacity.on_way:
            return _TICK_S
        if self._reached and now - self._reached[0][0].since_s > _PATIENCE_S:
            return _TICK_S
        if self._ahead() < self._capacity.ahead:
            return 0.0
        return _HOPE_S - (now - self._hoped[0].since_s) + 0.001 if self._hoped else _TICK_S

    def _has_slack(self) -> bool:
        """Whether so few wait that it is worth while to dial a few more."""
        if self._ahead() > _SLACK * self._capacity.ahead:
            return False
        since_s = self._reached[0][0].since_s if self._reached else math.inf
        return time.monotonic() - since_s <= _SLACK * _PATIENCE_S

    def _ahead(self) -> int:
        return len(self._reached) + self._hopes

    def _give_up_hope(self, errand: Errand) -> None:
        self._hopes -= errand.hoped
        errand.hoped = False

    def _begin(self, errand: Errand) -> None:
        errand.go_on()
        with self._room:
            if self._stopped:
                return
            errand.hoped = True
            self._hopes += 1
            self._hoped.append(errand)
        try:
            way = reach(errand.host, self._options.connect, errand.deadline)
        except BaseException as error:  # noqa: BLE001 - becomes the host's status
            way = Future()
            way.set_exception(error)
        with self._room:
            self._on_way[errand.number] = way
            stopped = self._stopped
        if stopped:
            way.cancel()
        way.add_done_callback(partial(self._arrive, errand))

    def _arrive(self, errand: Errand, way: Future[Contact]) -> None:
        if way.cancelled():
            return
        result = way.exception() or way.result()
        errand.wait()
        with self._room:
            full = len(self._on_way) >= self._capacity.on_way
            self._on_way.pop(errand.number, None)
            self._give_up_hope(errand)
            stopped = self._stopped
            if not stopped:
                failed = isinstance(result, BaseException)
                (self._failed if failed else self._reached).append((errand, result))
            if full:
                self._room.notify()
            short = self._idle < len(self._failed) + len(self._reached)
            self._work.notify()
        if stopped:
            _hang_up(result)
        elif short:
            self._hire()


def _hang_up(result: Contact | BaseException) -> None:
    if not isinstance(result, BaseException):
        result.close()
