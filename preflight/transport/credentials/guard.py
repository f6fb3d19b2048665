"""
Keeps a wrong credential from locking an account on every host of a fleet.

A user with a credential that has not yet worked anywhere goes to one host at a
time, until it has worked once.  After `REFUSALS` refusals in a row it goes to
no host any more, and neither does a password that had worked: either may be
counted by a directory that all the hosts ask.  A key that has worked somewhere
goes on: a refusal then tells of the host, and locks nothing.

A log-in that hangs or breaks off is no refusal, but it may still become one.
After `PATIENCE_S` it does not keep the next one from trying, as long as no
more than `REFUSALS` could come of all that are under way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

from msgspec import Struct

from preflight.errors import TransportError
from preflight.model.nodeset import fold
from preflight.transport import Deadline
from preflight.transport.lost import lost

REFUSALS = 5
PATIENCE_S = 5.0
_RUNS = 64  # how many runs are remembered


class Credential(Struct, frozen=True):
    """
    What a user proves to be who he is with; no secret, and the same in every process of a run.

    "log-in" is all that is offered to a host, "password" and "sudo" are the one
    password of the run, to log in with and to become another user with.
    """

    user: str
    kind: Literal["log-in", "password", "sudo"]
    names: tuple[str, ...] = ()  # what is offered, in words

    def __str__(self) -> str:
        if self.kind != "log-in":
            words = {"password": "the password", "sudo": "the sudo password"}
            return f"{words[self.kind]} of {self.user!r}"
        first, *others = self.names
        more = f" and {len(others)} more" if others else ""
        return f"{self.user!r} with {first}{more}"


class News(Struct, frozen=True):
    """What one host said to a credential, for the other processes of the run."""

    credential: Credential
    worked: bool
    host: str


Listener: TypeAlias = Callable[[News], None]


class Turn:
    """One try of a credential with one host: say `worked` or `refused`, or neither."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.answer: bool | None = None

    def worked(self) -> None:
        """Note that the host took the credential."""
        self.answer = True

    def refused(self) -> None:
        """Note that the host said no to the credential."""
        self.answer = False


class _Record:
    """What is known of one credential."""

    def __init__(self) -> None:
        self.worked = False
        self.stopped = False
        self.refused_by: list[str] = []
        self.trying: dict[Turn, float] = {}  # since when, on the monotonic clock


class Guard:
    """The credentials of one run, and what became of them; for all its threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._records: dict[Credential, _Record] = {}
        self._listeners: list[Listener] = []

    def check(self, credential: Credential) -> None:
        """Raise `TransportError` (auth-stopped) for a credential that is not to be tried again."""
        record = self._records.get(credential)
        if record and record.stopped:
            raise _stopped(credential, record)

    @contextmanager
    def turn(self, credential: Credential, host: str, deadline: Deadline) -> Iterator[Turn]:
        """
        Wait until *credential* may be tried with *host*, and take note of what came of it.

        The wait is no longer than the host's time, and then given back to it.
        Raises `TransportError`: auth-stopped, or deadline.
        """
        turn = Turn(host)
        record = self._records.get(credential)
        # Nobody waits, and no lock is taken, for what has proven itself.
        if record is None or not record.worked or record.stopped:
            self._enter(credential, turn, deadline)
        try:
            yield turn
        finally:
            self._leave(credential, turn)

    def listen(self, listener: Listener) -> None:
        """Have *listener* called, in any thread, with what other processes have to `hear`."""
        self._listeners.append(listener)

    def hear(self, news: News) -> None:
        """Take note of what a host said to another process of the run."""
        with self._changed:
            self._note(news)

    def known(self) -> tuple[News, ...]:
        """Return what a process has to `hear` that joins the run now."""
        with self._changed:
            return tuple(
                news
                for credential, record in self._records.items()
                for news in (
                    *([News(credential, True, "")] if record.worked else ()),
                    *(News(credential, False, host) for host in record.refused_by),
                )
            )

    def _enter(self, credential: Credential, turn: Turn, deadline: Deadline) -> None:
        asked_s = time.monotonic()
        with self._changed:
            record = self._records.setdefault(credential, _Record())
            while not (record.worked or record.stopped):
                if not deadline.left_s():
                    raise lost(f"while it waited for {credential} to work once", deadline)
                wait_s = _wait_s(record)
                if not wait_s:
                    record.trying[turn] = time.monotonic()
                    break
                self._changed.wait(min(wait_s, deadline.left_s()))
            if record.stopped:
                raise _stopped(credential, record)
        deadline.postpone(time.monotonic() - asked_s)

    def _leave(self, credential: Credential, turn: Turn) -> None:
        record = self._records[credential]
        if turn not in record.trying and (turn.answer is None or _is_old(turn, record)):
            return
        with self._changed:
            record.trying.pop(turn, None)
            self._changed.notify_all()
            if turn.answer is None:
                return
            news = News(credential, turn.answer, turn.host)
            self._note(news)
        for listener in self._listeners:
            listener(news)

    def _note(self, news: News) -> None:
        record = self._records.setdefault(news.credential, _Record())
        by_key = news.credential.kind == "log-in"
        if news.worked:
            record.worked = True
            record.refused_by.clear()
            record.stopped = record.stopped and not by_key
        elif not (record.worked and by_key):
            record.refused_by.append(news.host)
            record.stopped = record.stopped or len(record.refused_by) >= REFUSALS
        self._changed.notify_all()


def _wait_s(record: _Record) -> float:
    """Return the seconds after which the next one may look again, 0.0 when it may try."""
    if len(record.trying) + len(record.refused_by) >= REFUSALS:
        return PATIENCE_S
    youngest = max(record.trying.values(), default=0.0)
    return max(0.0, youngest + PATIENCE_S - time.monotonic()) if record.trying else 0.0


def _is_old(turn: Turn, record: _Record) -> bool:
    """Whether everybody knows already what *turn* found out."""
    return turn.answer is True and record.worked and not record.refused_by


def _stopped(credential: Credential, record: _Record) -> TransportError:
    """Return why the credential is tried no more; the same for all the hosts that are left."""
    hosts = ", ".join(fold(record.refused_by[:REFUSALS]))
    reason = f"not tried, so that no account is locked: {hosts} refused {credential} in a row"
    hint = "mend the log-in to one of them, then run again"
    return TransportError("not-run", "auth-stopped", reason, hint)


_guards: dict[str, Guard] = {}
_lock = threading.Lock()


def guard_of(run: str) -> Guard:
    """Return the guard of the run with that name; without a name, one that knows nothing."""
    if not run:
        return Guard()
    with _lock:
        guard = _guards.setdefault(run, Guard())
        while len(_guards) > _RUNS:
            del _guards[next(iter(_guards))]
        return guard
