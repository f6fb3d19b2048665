"""
The library surface: analyze, probe, judge, check; and the loop of questions.

Nothing here prints, reads the environment, installs a signal handler or
configures logging.  A host that cannot be asked is a `Snapshot` with another
status than "probed", never an exception.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Self, cast, get_args

from msgspec import Struct, structs

from preflight import __version__
from preflight.analyze import analyze
from preflight.errors import ProbeError, TransportError
from preflight.judge import Judgement, judge
from preflight.loader.survey import survey
from preflight.model.host import Host
from preflight.model.inquiry import Inquiry
from preflight.model.question import Answer, Question, ReadElf
from preflight.model.report import Report
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Facts, Snapshot, Status
from preflight.model.start import Start
from preflight.model.verdict import Verdict
from preflight.probe.interview import Interview
from preflight.probe.knowledge import Limits
from preflight.probe.libcs import libcs_of
from preflight.probe.store import Store
from preflight.transport import Deadline, Session, connect
from preflight.transport import Options as ConnectOptions

__all__ = [
    "Judgement",
    "Limits",
    "Options",
    "Want",
    "analyze",
    "check",
    "check_offline",
    "judge",
    "probe",
]


class Want(Struct, frozen=True):
    """One binary, and how it will be started on the host in question."""

    requirements: Requirements
    start: Start


class Options(Struct, frozen=True, kw_only=True):
    """How a fleet is asked; times in seconds."""

    forks: int = 64
    timeout_s: float = 60.0  # the whole host
    store: Path | None = None  # directory of the library store; None: in memory
    everything: bool = False  # collect every library, not only what the programs ask for
    limits: Limits = Limits()  # of one host; what they leave open is "not-asked"
    connect: ConnectOptions = ConnectOptions()


class Outcome(Struct, frozen=True):
    """One host, asked and judged; verdicts in the order of its wants."""

    snapshot: Snapshot
    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...] = ()  # what to mend on this side, such as a line of known_hosts


WantsOf = Callable[[Host], Sequence[Want]]
_DEFAULTS = Options()
_TICK_S = 0.2


def probe(
    hosts: Sequence[Host], wants_of: WantsOf = lambda _: (), options: Options = _DEFAULTS
) -> Iterator[Snapshot]:
    """Yield a snapshot of each host as soon as it is known, answering what its wants ask."""
    with Fleet(hosts, wants_of, options) as fleet:
        yield from (outcome.snapshot for outcome in fleet.outcomes())


def check(
    requirements: Sequence[Requirements],
    hosts: Sequence[Host],
    *,
    starts: Callable[[Host, Requirements], Start] = lambda host, _: host.start,
    options: Options = _DEFAULTS,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> Report:
    """
    Return the report on *requirements* and *hosts*, hosts in the given order.

    *on_outcome* is called in the calling thread as each host is done.
    """
    clock = Clock.started()

    def wants_of(host: Host) -> Sequence[Want]:
        return [Want(needed, starts(host, needed)) for needed in requirements]

    done: dict[str, Outcome] = {}
    with Fleet(hosts, wants_of, options) as fleet:
        for outcome in fleet.outcomes():
            done[outcome.snapshot.host] = outcome
            on_outcome(outcome)
    return clock.report(requirements, [done[host.name] for host in hosts])


def check_offline(
    requirements: Sequence[Requirements],
    snapshots: Iterable[Snapshot],
    *,
    starts: Callable[[Snapshot, Requirements], Start],
) -> Report:
    """Return the report on hosts that were probed earlier; nothing is asked."""
    clock = Clock.started()
    outcomes = [
        Outcome(
            snapshot,
            tuple(
                judge(needed, starts(snapshot, needed), snapshot).verdict for needed in requirements
            ),
        )
        for snapshot in snapshots
    ]
    return clock.report(requirements, outcomes)


class Clock(Struct, frozen=True):
    """When a run began."""

    wall: dt.datetime
    monotonic_s: float

    @classmethod
    def started(cls) -> Clock:
        """Return the clock of a run that begins now."""
        return cls(dt.datetime.now(dt.UTC), time.monotonic())

    def report(self, requirements: Sequence[Requirements], outcomes: Sequence[Outcome]) -> Report:
        """Return the report of a run that ends now."""
        return Report(
            version=__version__,
            started_at=self.wall.isoformat(timespec="seconds").replace("+00:00", "Z"),
            elapsed_s=round(time.monotonic() - self.monotonic_s, 3),
            binaries=tuple(requirements),
            hosts=tuple(outcome.snapshot for outcome in outcomes),
            verdicts=tuple(verdict for outcome in outcomes for verdict in outcome.verdicts),
        )


class Fleet:
    """
    Asks many hosts at a time, `Options.forks` at most.

    A context manager: leaving it closes every connection, which ends every
    wait of its threads.
    """

    def __init__(self, hosts: Sequence[Host], wants_of: WantsOf, options: Options) -> None:
        self._hosts = {host.name: host for host in hosts}
        self._wants_of = wants_of
        self._options = options
        self._store = Store(options.store)
        self._todo = deque(self._hosts.values())
        self._done: SimpleQueue[Outcome | BaseException | None] = SimpleQueue()
        self._sessions: set[Session] = set()
        self._lock = Lock()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._hang_up()

    def stop(self) -> None:
        """End the run; may be called from any thread and from a signal handler."""
        self._stopped = True
        self._done.put(None)

    def outcomes(self) -> Iterator[Outcome]:
        """
        Yield one outcome for each host, as they are done; to be iterated once.

        After `stop` the hosts that are not done yet come out as "not-run", at once.
        """
        for number in range(min(max(1, self._options.forks), len(self._hosts))):
            Thread(target=self._work, name=f"preflight-host-{number}", daemon=True).start()
        left = dict(self._hosts)
        while left and (done := self._next()) is not None:
            del left[done.snapshot.host]
            yield done
        self._hang_up()
        for host in left.values():
            snapshot = _failed(host, "not-run", "interrupted", "the run was stopped")
            yield _judged(snapshot, self._wants_of(host))

    def _next(self) -> Outcome | None:
        """Return the next outcome, None after `stop`; raise what a thread could not go on from."""
        while True:
            with suppress(Empty):
                # A signal that comes just before the wait would not end one without an end.
                done = self._done.get(timeout=_TICK_S)
                if isinstance(done, BaseException):
                    raise done
                return done

    def _work(self) -> None:
        while not self._stopped:
            try:
                host = self._todo.popleft()
            except IndexError:
                return
            try:
                self._done.put(self._one(host))
            except BaseException as error:  # noqa: BLE001 - raised again by `outcomes`
                self._done.put(error)

    def _one(self, host: Host) -> Outcome:
        wants = self._wants_of(host)
        try:
            return self._ask(host, wants)
        except TransportError as error:
            snapshot = _failed(host, error.status, error.cause, error.message)
        except ProbeError as error:
            snapshot = _failed(host, "error", "protocol", error.message)
        except Exception as error:  # noqa: BLE001 - one host must not end the run
            reason = f"{type(error).__name__}: {error}"
            snapshot = _failed(host, "error", "internal", reason)
        return _judged(snapshot, wants)

    def _ask(self, host: Host, wants: Sequence[Want]) -> Outcome:
        deadline = Deadline.after(self._options.timeout_s)
        with connect(host, self._options.connect, deadline) as session, self._open(session):
            outcome = self._talk(host, wants, session, deadline)
            return structs.replace(outcome, warnings=session.warnings)

    def _talk(
        self, host: Host, wants: Sequence[Want], session: Session, deadline: Deadline
    ) -> Outcome:
        key, limits = _key(host, self._options.connect), self._options.limits
        with Interview(
            session, self._store, key=key, deadline=deadline, limits=limits
        ) as interview:
            facts, unknown, answers = interview.begin(self._hints(key, wants))
            talk = _Conversation(host, wants, facts, unknown, answers)
            everything, hints = self._options.everything, self._hints(_kind(facts), wants)
            while questions := talk.questions(everything=everything):
                if interview.exhausted or not talk.hear(interview.ask((*questions, *hints))):
                    break
                hints = ()
        for name in (key, _kind(facts)):
            self._remember(name, talk)
        return talk.outcome(interview.rounds, interview.exhausted)

    def _hints(self, name: str, wants: Sequence[Want]) -> tuple[Question, ...]:
        """Return what these programs asked last time on the host, or kind of host, *name*."""
        known = (self._store.hints(f"{want.requirements.sha256}@{name}") for want in wants)
        return tuple(dict.fromkeys(question for hints in known for question in hints))

    def _remember(self, name: str, talk: _Conversation) -> None:
        for want, judgement in zip(talk.wants, talk.judgements, strict=True):
            asked = dict.fromkeys((*judgement.asked, *map(ReadElf, talk.loaders)))
            self._store.remember(f"{want.requirements.sha256}@{name}", tuple(asked))

    @contextmanager
    def _open(self, session: Session) -> Iterator[None]:
        """Have `_hang_up` close *session* meanwhile."""
        with self._lock:
            self._sessions.add(session)
        if self._stopped:
            session.close()
        try:
            yield
        finally:
            with self._lock:
                self._sessions.discard(session)

    def _hang_up(self) -> None:
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()


class _Conversation:
    """The loop of questions with one host: judges again only what still asked."""

    def __init__(
        self,
        host: Host,
        wants: Sequence[Want],
        facts: Facts,
        unknown: Mapping[str, str],
        answers: Mapping[Question, Answer],
    ) -> None:
        self.wants = wants
        self.loaders = facts.loaders
        self._answers: dict[Question, Answer] = {}
        self._snapshot = Snapshot(
            host=host.name,
            address=host.target,
            status="probed",
            facts=facts,
            facts_unknown=unknown,
            answers=self._answers,
        )
        self._take(answers)
        self.judgements = [self._judge(want) for want in wants]

    def questions(self, *, everything: bool) -> tuple[Question, ...]:
        """Return the questions that are open; with *everything*, those of the survey too."""
        asked = [question for judgement in self.judgements for question in judgement.questions]
        asked += self._unread_loaders()
        if everything:
            inquiry = Inquiry(self._answers)
            survey(self.loaders, inquiry)
            asked += inquiry.open
        return tuple(dict.fromkeys(asked))

    def hear(self, answers: Mapping[Question, Answer]) -> bool:
        """Judge by the host's answers; return whether there was a new one."""
        if answers.keys() <= self._answers.keys():
            return False
        first_look = bool(self._unread_loaders())
        self._take(answers)
        self._judge_again(settled_too=first_look)
        return True

    def outcome(self, rounds: int, exhausted: str | None) -> Outcome:
        """Return what is known now; *exhausted* names the limit that left questions open."""
        self._snapshot = structs.replace(self._snapshot, rounds=rounds)
        if exhausted is not None:
            unknown = {**self._snapshot.facts_unknown, "answers": f"the probe ended: {exhausted}"}
            self._snapshot = structs.replace(self._snapshot, facts_unknown=unknown)
            self._judge_again()
        verdicts = tuple(judgement.verdict for judgement in self.judgements)
        return Outcome(self._snapshot, verdicts)

    def _unread_loaders(self) -> list[Question]:
        return [ReadElf(path) for path in self.loaders if ReadElf(path) not in self._answers]

    def _take(self, answers: Mapping[Question, Answer]) -> None:
        self._answers.update(answers)
        libcs = libcs_of(self.loaders, self._answers)
        facts = structs.replace(self._snapshot.facts, libcs=libcs)
        self._snapshot = structs.replace(self._snapshot, facts=facts)

    def _judge(self, want: Want) -> Judgement:
        return judge(want.requirements, want.start, self._snapshot)

    def _judge_again(self, *, settled_too: bool = False) -> None:
        for number, judgement in enumerate(self.judgements):
            if settled_too or judgement.questions:
                self.judgements[number] = self._judge(self.wants[number])


def _judged(snapshot: Snapshot, wants: Sequence[Want]) -> Outcome:
    verdicts = (judge(want.requirements, want.start, snapshot).verdict for want in wants)
    return Outcome(snapshot, tuple(verdicts))


def _failed(host: Host, status: str, cause: str, reason: str) -> Snapshot:
    known = cast(Status, status) if status in get_args(Status) else "error"
    return Snapshot(host=host.name, address=host.target, status=known, cause=cause, reason=reason)


def _key(host: Host, options: ConnectOptions) -> str:
    """Return a name for the machine that *host* is, for the memos and hints of the store."""
    own = f"{host.transport}:{host.user or options.user or ''}@{host.target}:{host.port or ''}"
    return f"{own} by {_key(host.gateway, options)}" if host.gateway else own


def _kind(facts: Facts) -> str:
    """Return a name for what *facts* have in common with hosts of the same image."""
    words = (facts.system, facts.machine, facts.os_id, facts.os_version, *facts.loaders)
    return "kind:" + " ".join(str(word) for word in words)
