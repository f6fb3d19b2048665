"""
One conversation with one host: questions in, answers out, in as few rounds as can be.

One round is one write and one reply.  What the store or the host's memo knows
is not asked again; what is not known is first asked as a hash, and only then
as a content.  Hints choose questions, never answers.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct, structs

from preflight.errors import ProbeError, TransportError
from preflight.model.audited import Audited
from preflight.model.question import Answer, FileQuestion, Package, Question
from preflight.model.snapshot import Facts
from preflight.probe.awaited import Awaited
from preflight.probe.facts import read_audited, read_facts
from preflight.probe.frames import Frames
from preflight.probe.knowledge import Knowledge, Limits
from preflight.probe.managers import read_packages
from preflight.probe.managers.request import QUESTIONS, askable, words
from preflight.probe.requests import Plan, Replies, Round
from preflight.probe.script import COMMAND, bootstrap
from preflight.probe.store import Store
from preflight.transport import Deadline, Session
from preflight.transport.closing import Closing

_PATIENCE_S = 30.0  # how long to wait for another interview's download of the same content
_SLACK_BYTES = 16 << 20  # what a host may send besides contents


class Audit(Struct, frozen=True):
    """What an audit asks: *secrets* whether files for secrets are looked for."""

    secrets: bool = True


class Beginning(NamedTuple):
    """The first that a host said; *unknown* says why a fact is not known."""

    facts: Facts
    unknown: dict[str, str]
    answers: dict[Question, Answer]
    audited: Audited | None = None


class Interview(Closing):
    """
    The conversation with one host; *key* names the host in the store's memos.

    `begin`, then `ask` as often as needed; *rounds* counts the exchanges.  Both
    raise TransportError, and ProbeError for a host that answers what no script
    answers.
    """

    def __init__(
        self,
        session: Session,
        store: Store,
        *,
        key: str,
        deadline: Deadline,
        limits: Limits | None = None,
    ) -> None:
        self.rounds = 0
        self._limits = limits or Limits()
        self._store = store
        self._deadline = deadline
        self._first_s = 0.0  # when the first frame was here, since 1970
        self._nonce = secrets.token_hex(16)
        self._knowledge = Knowledge(store, key, self._limits, self._nonce.encode("ascii"))
        self._stream = Awaited(session.start(COMMAND), deadline, self._limits.silence_s)
        self._frames = Frames(self._stream, self._nonce, self._limits.received_bytes + _SLACK_BYTES)

    @property
    def exhausted(self) -> str | None:
        """The limit that left questions open, None where none did."""
        return self._knowledge.exhausted

    @property
    def kind(self) -> str:
        """What `note_kind` was told of this host last time, "" for a new one."""
        return self._knowledge.kind

    def note_kind(self, kind: str) -> None:
        """Have *kind* known when the host is asked again."""
        self._knowledge.note_kind(kind)

    def begin(
        self,
        hints: Sequence[FileQuestion] = (),
        audit: Audit | None = None,
        *,
        needs: bool = False,
    ) -> Beginning:
        """
        Return the facts, what *audit* wants beyond them, and the answers to *hints*.

        With *needs* there may be an `Ask` among the questions.
        """
        plan = Plan(facts=True, audit=None if audit is None else int(audit.secrets))
        for question in hints:
            self._knowledge.look(question, plan)
        more = (*["audit.sh"] * (audit is not None), *["needs.sh"] * needs)
        script = bootstrap("script.sh", *more)
        since_s = time.time()
        replies = self._exchange(plan, f"{script}{self._nonce}\n".encode("ascii"))
        if "F" not in replies.facts:
            raise ProbeError("the host sent no facts")
        facts, unknown = read_facts(replies.facts, self._nonce)
        self._knowledge.clock_s = facts.clock_s
        audited = None
        if audit is not None:
            audited = self._audited(replies, facts.clock_s, since_s)
        return Beginning(facts, unknown, self.ask(hints), audited)

    def ask(self, questions: Iterable[FileQuestion]) -> dict[Question, Answer]:
        """Return the answers; a question that a limit leaves open is not among them."""
        answers: dict[Question, Answer] = {}
        left = list(dict.fromkeys(questions))
        while left:
            plan = Plan()
            self._knowledge.waiting.clear()
            looked = {question: self._knowledge.look(question, plan) for question in left}
            answers |= {q: answer for q, answer in looked.items() if answer is not None}
            left = [question for question in left if question not in answers]
            if not self._go_on(plan):
                break
        return answers

    def ask_packages(self, questions: Iterable[Package]) -> dict[Question, Answer]:
        """Return the answers to *questions* in one round; none where no round is left."""
        asked = [question for question in questions if askable(question)][:QUESTIONS]
        if not asked or self.rounds >= self._limits.rounds:
            return {}
        replies = self._exchange(Plan(packages=words(asked)))
        answers = read_packages(asked, replies.packages or b"")
        return {question: answers[question] for question in asked}

    def close(self) -> None:
        """End the conversation and keep what the host is known by; safe to call twice."""
        self._knowledge.save()
        self._knowledge.release()
        self._stream.close()

    def _audited(self, replies: Replies, clock_s: int | None, since_s: float) -> Audited:
        audited = read_audited(replies.facts, self._nonce)
        if clock_s is None:
            unknown = {**audited.unknown, "clock_offset_s": "date +%s gave no answer"}
            return structs.replace(audited, unknown=unknown)
        offset = clock_offset(clock_s, since_s, self._first_s)
        return structs.replace(audited, clock_offset_s=offset)

    def _go_on(self, plan: Plan) -> bool:
        if plan:
            if self.rounds >= self._limits.rounds:
                self._knowledge.exhausted = f"{self._limits.rounds} rounds were made"
                self._knowledge.release()
                return False
            self._exchange(plan)
            return True
        return self._wait()

    def _wait(self) -> bool:
        """Wait for what other interviews are fetching; what does not come is fetched here."""
        waiting = self._knowledge.waiting
        for digest in waiting:
            self._store.wait(digest, min(_PATIENCE_S, self._deadline.left_s() / 2))
        self._knowledge.impatient |= waiting
        return bool(waiting)

    def _exchange(self, plan: Plan, opening: bytes = b"") -> Replies:
        this = Round(plan, self._knowledge.receive)
        try:
            self._send(opening, this.encode())
            for frame in self._frames.round():
                self._first_s = self._first_s or time.time()
                this.take(frame)
        finally:
            self._knowledge.release()
        self.rounds += 1
        self._knowledge.absorb(plan, this.replies)
        return this.replies

    def _send(self, opening: bytes, lines: bytes) -> None:
        try:
            self._stream.send(opening + lines)
        except TransportError:
            if opening:  # who does not listen may have said why
                self._frames.hello()
            raise
        if opening:
            self._frames.hello()


def clock_offset(clock_s: int, before_s: float, after_s: float) -> int:
    """
    Return by how many seconds a host's clock is off, at the very least; 0: it may be right.

    It read *clock_s*, in whole seconds, between two moments of the clock here.
    """
    lowest, highest = clock_s - after_s, clock_s + 1 - before_s
    if lowest <= 0 <= highest:
        return 0
    return round(lowest if lowest > 0 else highest)
