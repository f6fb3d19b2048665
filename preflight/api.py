"""
The library surface: analyze, probe, judge, check; and the loop of questions.

Nothing here prints, reads the environment, installs a signal handler or
configures logging.  A host that cannot be asked is a `Snapshot` with another
status than "probed", never an exception.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock
from typing import Self

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
from preflight.probe.libcs import libcs_of
from preflight.probe.store import Store
from preflight.transport import Deadline, Session, connect
from preflight.transport import Options as ConnectOptions

__all__ = ["Judgement", "Options", "Want", "analyze", "check", "check_offline", "judge", "probe"]


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
    connect: ConnectOptions = ConnectOptions()


class Outcome(Struct, frozen=True):
    """One host, asked and judged; verdicts in the order of its wants."""

    snapshot: Snapshot
    verdicts: tuple[Verdict, ...]


WantsOf = Callable[[Host], Sequence[Want]]
_DEFAULTS = Options()


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

    *on_outcome* is called in the calling thread as each host is done.  On
    `KeyboardInterrupt` in the calling thread, see `Fleet.outcomes`.
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
        self._hosts = hosts
        self._wants_of = wants_of
        self._options = options
        self._store = Store(options.store)
        self._sessions: set[Session] = set()
        self._lock = Lock()
        self._stopped = False
        self._pending: set[Future[Outcome]] | None = None
        self._pool = ThreadPoolExecutor(max(1, options.forks), "preflight-host")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def stop(self) -> None:
        """Begin no further host and close every open connection; safe to call twice."""
        with self._lock:
            self._stopped = True
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def outcomes(self) -> Iterator[Outcome]:
        """
        Yield one outcome for each host, as they are done.

        After `stop` the hosts that were not reached come out as "not-run".
        An interrupted iteration may be begun again: it goes on with the rest.
        """
        if self._pending is None:
            self._pending = {self._pool.submit(self._one, host) for host in self._hosts}
        while self._pending:
            done, _ = wait(self._pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
                self._pending.discard(future)

    def _one(self, host: Host) -> Outcome:
        wants = self._wants_of(host)
        if self._stopped:
            return _judged(_failed(host, "not-run", "interrupted", "the run was stopped"), wants)
        try:
            return self._ask(host, wants)
        except TransportError as error:
            snapshot = _failed(host, error.status, error.cause, error.message)
        except ProbeError as error:
            snapshot = _failed(host, "error", "protocol", error.message)
        except Exception as error:  # noqa: BLE001 - one host must not end the run
            reason = f"{type(error).__name__}: {error}"
            snapshot = _failed(host, "error", "internal", reason)
        if self._stopped:
            snapshot = _failed(host, "not-run", "interrupted", "the run was stopped")
        return _judged(snapshot, wants)

    def _ask(self, host: Host, wants: Sequence[Want]) -> Outcome:
        deadline = Deadline.after(self._options.timeout_s)
        with connect(host, self._options.connect, deadline) as session:
            self._enlist(session)
            try:
                return self._talk(host, wants, session, deadline)
            finally:
                self._dismiss(session)

    def _talk(
        self, host: Host, wants: Sequence[Want], session: Session, deadline: Deadline
    ) -> Outcome:
        key = f"{host.transport}:{host.user or ''}@{host.target}:{host.port or ''}"
        hints = _hints(self._store, host, wants)
        with Interview(session, self._store, key=key, deadline=deadline) as interview:
            facts, unknown, answers = interview.begin(hints)
            conversation = _Conversation(host, wants, facts, unknown, answers)
            while questions := conversation.questions(everything=self._options.everything):
                if interview.exhausted is not None:
                    break
                conversation.hear(interview.ask(questions))
        _remember(self._store, host, conversation)
        return conversation.outcome(interview.rounds)

    def _enlist(self, session: Session) -> None:
        with self._lock:
            self._sessions.add(session)
            stopped = self._stopped
        if stopped:
            session.close()

    def _dismiss(self, session: Session) -> None:
        with self._lock:
            self._sessions.discard(session)


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
        self.judgements: list[Judgement | None] = [None for _ in wants]
        self._answers = dict(answers)
        self._base = facts
        self._snapshot = Snapshot(
            host=host.name,
            address=host.target,
            status="probed",
            facts=facts,
            facts_unknown=unknown,
            answers=self._answers,
        )

    def questions(self, *, everything: bool) -> tuple[Question, ...]:
        """Judge what is not settled yet; return the questions that are still open."""
        facts = structs.replace(self._base, libcs=libcs_of(self._base.loaders, self._answers))
        self._snapshot = structs.replace(self._snapshot, facts=facts)
        open_questions: dict[Question, None] = {
            question: None
            for question in map(ReadElf, self._base.loaders)
            if question not in self._answers
        }
        for number, want in enumerate(self.wants):
            judgement = self.judgements[number]
            if judgement is None or judgement.questions or open_questions:
                judgement = judge(want.requirements, want.start, self._snapshot)
                self.judgements[number] = judgement
            open_questions.update(dict.fromkeys(judgement.questions))
        if everything:
            inquiry = Inquiry(self._answers)
            survey(self._base.loaders, inquiry)
            open_questions.update(dict.fromkeys(inquiry.open))
        return tuple(open_questions)

    def hear(self, answers: Mapping[Question, Answer]) -> None:
        """Take the host's answers."""
        self._answers.update(answers)

    def outcome(self, rounds: int) -> Outcome:
        """Return what is known now."""
        snapshot = structs.replace(self._snapshot, rounds=rounds)
        verdicts = tuple(judgement.verdict for judgement in self.judgements if judgement)
        return Outcome(snapshot, verdicts)


def _judged(snapshot: Snapshot, wants: Sequence[Want]) -> Outcome:
    verdicts = (judge(want.requirements, want.start, snapshot).verdict for want in wants)
    return Outcome(snapshot, tuple(verdicts))


def _failed(host: Host, status: str, cause: str, reason: str) -> Snapshot:
    known: dict[str, Status] = {
        "unreachable": "unreachable",
        "auth-failed": "auth-failed",
        "host-key": "host-key",
        "timeout": "timeout",
        "not-run": "not-run",
    }
    return Snapshot(
        host=host.name,
        address=host.target,
        status=known.get(status, "error"),
        cause=cause,
        reason=reason,
    )


def _hints(store: Store, host: Host, wants: Sequence[Want]) -> tuple[Question, ...]:
    """Return what these programs asked last time on this host, else on any."""
    hints: dict[Question, None] = {}
    for want in wants:
        digest = want.requirements.sha256
        known = store.hints(f"{digest}@{host.name}") or store.hints(digest)
        hints.update(dict.fromkeys(known))
    return tuple(hints)


def _remember(store: Store, host: Host, conversation: _Conversation) -> None:
    for want, judgement in zip(conversation.wants, conversation.judgements, strict=True):
        if judgement is not None:
            digest = want.requirements.sha256
            loaders = tuple(map(ReadElf, conversation.loaders))
            asked = tuple(dict.fromkeys((*judgement.asked, *loaders)))
            store.remember(f"{digest}@{host.name}", asked)
            store.remember(digest, asked)
