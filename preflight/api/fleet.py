"""
Asks many hosts at a time, and has every one come to an end.

Two stages: `reaching` gets to the hosts, and workers, a thread each, log in and
talk.  What goes wrong with a host is its status; what goes wrong here is raised.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Lock, Semaphore, Thread
from typing import Protocol, Self

from msgspec import structs

from preflight.api.capacity import capacity
from preflight.api.conversation import Conversation
from preflight.api.errand import Errand
from preflight.api.judged import Judged
from preflight.api.proving import proved
from preflight.api.reaching import Reaching
from preflight.api.retries import pause_s, told
from preflight.api.unasked import unasked
from preflight.api.wants import Options, Outcome, Want, WantsOf
from preflight.errors import ProbeError, TransportError
from preflight.model.host import Host
from preflight.model.question import FileQuestion, ReadElf
from preflight.model.snapshot import Facts
from preflight.probe.interview import Interview
from preflight.probe.store import Store
from preflight.transport import Contact, Deadline, Session, connect, in_one_run
from preflight.transport import Options as ConnectOptions

_TICK_S = 0.2
_CLEARING_S = 10.0
_HANG_UP_S = 2.0  # how long the end of a run waits for connections to close
_UNREAD = 256  # outcomes that wait for the caller; workers wait when there are more


class _Open(Protocol):
    """What can be hung up."""

    def close(self) -> None: ...


class Fleet:
    """
    Asks many hosts at a time, `Options.forks` at most.

    *hosts* may be any iterable: it is read as far as hosts can be dialled, in
    a thread of its own, and may block.  A context manager: leaving it closes
    every connection, which ends every wait of its threads.  *notes* says what
    had to be done otherwise than the options want it.
    """

    def __init__(self, hosts: Iterable[Host], wants_of: WantsOf, options: Options) -> None:
        self._hosts = _once_each(hosts) if isinstance(hosts, Sequence) else hosts
        self._wants_of = wants_of
        options = structs.replace(options, connect=in_one_run(options.connect))
        self._options = options
        self._store = Store(options.store)
        self._judged = Judged()
        self._done: SimpleQueue[tuple[Errand, Outcome] | BaseException | None] = SimpleQueue()
        self._unread = Semaphore(_UNREAD)
        self._talking: dict[int, _Open] = {}
        self._lock = Lock()
        self._stopped = False
        self._finished = False  # every host has been asked
        number = len(self._hosts) if isinstance(self._hosts, Sequence) else None
        room = capacity(options.forks, number)
        self.notes = (room.note,) if room.note else ()
        self._workers = iter(range(room.forks))
        self._reaching = Reaching(
            self._hosts,
            room,
            options,
            hire=self._hire,
            ended=self._done.put,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._finished:
            self._store.prune_daily(self._options.store_bytes)
        self.stop()
        self._hang_up()

    def stop(self) -> None:
        """End the run; may be called from any thread and from a signal handler."""
        self._stopped = True
        self._done.put(None)

    def outcomes(self) -> Iterator[Outcome]:
        """
        Yield one outcome for each host, as they are done; to be iterated once.

        After `stop`, or at the run's deadline, the hosts that are not done
        yet come out as "not-run", at once; of an iterable only those that were
        taken from it.
        """
        limit_s = self._options.deadline_s
        end = Deadline.after(limit_s) if limit_s is not None else None
        self._reaching.start()
        while self._goes_on(end):
            with suppress(Empty):
                # A signal that comes just before the wait would not end one without an end.
                done = self._done.get(timeout=min(_TICK_S, end.left_s() if end else _TICK_S))
                if isinstance(done, BaseException):
                    raise done
                if done is not None:
                    errand, outcome = done
                    self._unread.release()
                    self._reaching.done(errand)
                    yield outcome
        late = not self._stopped
        self._finished = not self._reaching.busy
        self.stop()
        self._hang_up()
        for host in self._left():
            cause = "deadline" if late else "interrupted"
            reason = f"the run's {limit_s:g} s were over" if late else "the run was stopped"
            yield unasked(host, self._wants_of(host), "not-run", cause, reason)

    def _goes_on(self, end: Deadline | None) -> bool:
        return not self._stopped and self._reaching.busy and (end is None or end.left_s() > 0)

    def _left(self) -> Iterator[Host]:
        """Yield the hosts that are not done."""
        if isinstance(self._hosts, Sequence):
            self._reaching.join()
        yield from (errand.host for errand in list(self._reaching.open.values()))
        if isinstance(self._hosts, Sequence):
            yield from itertools.islice(self._hosts, self._reaching.taken, None)

    def _hire(self) -> None:
        """Let one more worker work, where there may be one more."""
        if (number := next(self._workers, None)) is not None:
            Thread(target=self._work, name=f"preflight-host-{number}", daemon=True).start()

    def _work(self) -> None:
        while reached := self._reaching.take():
            errand = reached[0]
            try:
                outcome = self._one(*reached)
            except BaseException as error:  # noqa: BLE001 - raised again by `outcomes`
                self._done.put(error)
                continue
            if outcome is not None:
                while not (self._unread.acquire(timeout=_TICK_S) or self._stopped):
                    pass
                self._done.put((errand, outcome))

    def _one(self, errand: Errand, reached: Contact | BaseException) -> Outcome | None:
        """Return what came of a host that was reached, or was not; None where it is asked again."""
        host = errand.host
        wants = self._wants_of(host)
        try:
            return self._ask(errand, wants, reached)
        except TransportError as error:
            if error.passing and errand.tries <= self._options.retries and not self._stopped:
                self._reaching.again(errand, pause_s(error, errand.tries))
                return None
            reason = told(error, errand.tries)
            return unasked(host, wants, error.status, error.cause, reason)
        except ProbeError as error:
            return unasked(host, wants, "error", "protocol", error.message)
        except Exception as error:  # noqa: BLE001 - one host must not end the run
            reason = f"{type(error).__name__}: {error}"
            return unasked(host, wants, "error", "internal", reason)

    def _ask(
        self, errand: Errand, wants: Sequence[Want], reached: Contact | BaseException
    ) -> Outcome:
        if isinstance(reached, BaseException):
            raise reached
        with self._open(errand, reached):
            session = reached.log_in()
            with session, self._open(errand, session):
                outcome = self._talk(errand.host, wants, session, errand.deadline)
                snapshot = structs.replace(outcome.snapshot, host_key=session.host_key)
                return structs.replace(outcome, snapshot=snapshot, warnings=session.warnings)

    def _talk(
        self, host: Host, wants: Sequence[Want], session: Session, deadline: Deadline
    ) -> Outcome:
        key, limits = _key(host, self._options.connect), self._options.limits
        with Interview(
            session, self._store, key=key, deadline=deadline, limits=limits
        ) as interview:
            kind = interview.kind
            needs = any(want.requirements.format == "manifest" for want in wants)
            hinted = self._hints(kind, wants)
            beginning = interview.begin(hinted, self._options.audit, needs=needs)
            talk = Conversation(host, wants, beginning, self._judged)
            everything, hints = self._options.everything, self._hints("", wants)
            if kind != (kind := _kind(beginning.facts)):
                interview.note_kind(kind)
                hints = self._hints(kind, wants)
            while questions := talk.questions(everything=everything):
                if interview.exhausted or not talk.hear(interview.ask((*questions, *hints))):
                    break
                hints = ()
            if self._options.package_managers:
                self._ask_packages(interview, talk)
        self._remember(kind, talk)
        outcome = talk.outcome(interview.rounds, interview.exhausted)
        if not self._options.prove:
            return outcome
        return proved(outcome, wants, session, lambda: self._reach_again(host))

    def _ask_packages(self, interview: Interview, talk: Conversation) -> None:
        """Ask for the sake of the remedies; what goes wrong there changes no verdict."""
        if interview.exhausted or not (questions := talk.packages()):
            return
        with suppress(TransportError, ProbeError):
            talk.hear(interview.ask_packages(questions))

    def _reach_again(self, host: Host) -> Session:
        """Return another session, for a moment: the first one ended before its work was done."""
        return connect(host, self._options.connect, Deadline.after(_CLEARING_S))

    def _hints(self, name: str, wants: Sequence[Want]) -> tuple[FileQuestion, ...]:
        """Return what these programs asked on the kind of host *name* before; "" has none."""
        if not name:
            return ()
        known = (self._store.hints(f"{want.requirements.sha256}@{name}") for want in wants)
        return tuple(dict.fromkeys(question for hints in known for question in hints))

    def _remember(self, name: str, talk: Conversation) -> None:
        for want, judgement in zip(talk.wants, talk.judgements, strict=True):
            asked = dict.fromkeys((*judgement.asked, *map(ReadElf, talk.loaders)))
            self._store.remember(f"{want.requirements.sha256}@{name}", tuple(asked))

    @contextmanager
    def _open(self, errand: Errand, connection: _Open) -> Iterator[None]:
        """Have `_hang_up` close *connection* meanwhile."""
        with self._lock:
            self._talking[errand.number] = connection
        if self._stopped:
            connection.close()
        try:
            yield
        finally:
            with self._lock:
                self._talking.pop(errand.number, None)

    def _hang_up(self) -> None:
        """Close what is open; what hangs even then is left to itself."""
        self._reaching.stop()
        with self._lock:
            connections = list(self._talking.values())
        closers = [Thread(target=one.close, daemon=True) for one in connections]
        for closer in closers:
            closer.start()
        end = time.monotonic() + _HANG_UP_S
        for closer in closers:
            closer.join(max(0.0, end - time.monotonic()))


def _once_each(hosts: Sequence[Host]) -> list[Host]:
    return list({host.name: host for host in hosts}.values())


def _key(host: Host, options: ConnectOptions) -> str:
    """Return a name for the machine that *host* is, for the memos and hints of the store."""
    own = f"{host.transport}:{host.user or options.user or ''}@{host.target}:{host.port or ''}"
    return f"{own} by {_key(host.gateway, options)}" if host.gateway else own


def _kind(facts: Facts) -> str:
    """Return a name for what *facts* have in common with hosts of the same image."""
    words = (facts.system, facts.machine, facts.os_id, facts.os_version, *facts.loaders)
    return "kind:" + " ".join(str(word) for word in words)
