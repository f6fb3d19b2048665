"""
Asks many hosts at a time, each in a thread, and has every one come to an end.

What goes wrong with a host is its status; what goes wrong here is raised.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Self, cast, get_args

from msgspec import structs

from preflight.api.conversation import Conversation
from preflight.api.judged import Judged
from preflight.api.proving import proved
from preflight.api.wants import Options, Outcome, Want, WantsOf
from preflight.errors import ProbeError, TransportError
from preflight.judge import judge
from preflight.model.host import Host
from preflight.model.question import Question, ReadElf
from preflight.model.snapshot import Facts, Snapshot, Status
from preflight.probe.interview import Interview
from preflight.probe.store import Store
from preflight.transport import Deadline, Session, connect
from preflight.transport import Options as ConnectOptions

_TICK_S = 0.2
_CLEARING_S = 10.0


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
        self._judged = Judged()
        self._todo = deque(self._hosts.values())
        self._done: SimpleQueue[Outcome | BaseException | None] = SimpleQueue()
        self._sessions: set[Session] = set()
        self._lock = Lock()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if not self._stopped:
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
            kind = interview.kind
            beginning = interview.begin(self._hints(kind, wants))
            talk = Conversation(host, wants, beginning, self._judged)
            everything, hints = self._options.everything, self._hints("", wants)
            if kind != (kind := _kind(beginning.facts)):
                interview.note_kind(kind)
                hints = self._hints(kind, wants)
            while questions := talk.questions(everything=everything):
                if interview.exhausted or not talk.hear(interview.ask((*questions, *hints))):
                    break
                hints = ()
        self._remember(kind, talk)
        outcome = talk.outcome(interview.rounds, interview.exhausted)
        if not self._options.prove:
            return outcome
        return proved(outcome, wants, session, lambda: self._reach_again(host))

    def _reach_again(self, host: Host) -> Session:
        """Return another session, for a moment: the first one ended before its work was done."""
        return connect(host, self._options.connect, Deadline.after(_CLEARING_S))

    def _hints(self, name: str, wants: Sequence[Want]) -> tuple[Question, ...]:
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
