"""The loop of questions with one host; no I/O: the questions go out and the answers come in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import structs

from preflight.api.judged import Judged, likeness
from preflight.api.members import settled
from preflight.api.wants import Outcome, Want
from preflight.judge import Judgement, judge, runtime
from preflight.loader.survey import survey
from preflight.model.elf import Elf
from preflight.model.host import Host
from preflight.model.inquiry import Inquiry
from preflight.model.question import (
    Answer,
    ElfContent,
    FileQuestion,
    Package,
    Question,
    ReadElf,
)
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Snapshot
from preflight.probe.interview import Beginning
from preflight.probe.libcs import libcs_of


class Conversation:
    """The loop of questions with one host: judges again only what still asked."""

    def __init__(
        self, host: Host, wants: Sequence[Want], beginning: Beginning, judged: Judged
    ) -> None:
        self.wants = wants
        self._judged = judged
        self.loaders = beginning.facts.loaders
        self._start = host.start
        self._answers: dict[Question, Answer] = {}
        self._snapshot = Snapshot(
            host=host.name,
            address=host.target,
            status="probed",
            facts=beginning.facts,
            facts_unknown=beginning.unknown,
            answers=self._answers,
            audited=beginning.audited,
        )
        self._take(beginning.answers)
        self.judgements = self._judge_all(wants)

    def questions(self, *, everything: bool) -> tuple[FileQuestion, ...]:
        """Return the questions that are open; with *everything*, those of the survey too."""
        asked: list[FileQuestion] = [
            question for judgement in self.judgements for question in judgement.questions
        ]
        asked += self._unread_loaders()
        if everything:
            asked += self._survey()
        return tuple(dict.fromkeys(asked))

    def packages(self) -> tuple[Package, ...]:
        """Return what the remedies ask of the package manager, to be asked last."""
        asked = (question for judgement in self.judgements for question in judgement.packages)
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
        verdicts = (judgement.verdict for judgement in self.judgements)
        return Outcome(self._snapshot, settled(self.wants, verdicts))

    def _unread_loaders(self) -> list[ReadElf]:
        return [ReadElf(path) for path in self.loaders if ReadElf(path) not in self._answers]

    def _survey(self) -> Iterator[FileQuestion]:
        """Yield what any program may ask: for every library, and by the checks themselves."""
        inquiry = Inquiry(self._answers)
        survey(self.loaders, inquiry)
        yield from inquiry.open
        yield from (question for question in runtime.common() if question not in self._answers)
        for path in self.loaders:
            answer = self._answers.get(ReadElf(path))
            if isinstance(answer, ElfContent):
                bare = _bare_program(path, answer.elf)
                yield from judge(bare, self._start, self._snapshot).questions

    def _take(self, answers: Mapping[Question, Answer]) -> None:
        self._answers.update(answers)
        libcs = libcs_of(self.loaders, self._answers)
        facts = structs.replace(self._snapshot.facts, libcs=libcs)
        self._snapshot = structs.replace(self._snapshot, facts=facts)

    def _judge_all(self, wants: Iterable[Want]) -> list[Judgement]:
        like = likeness(self._snapshot)
        return [self._judged.judge(want, self._snapshot, like) for want in wants]

    def _judge_again(self, *, settled_too: bool = False) -> None:
        again = [
            n
            for n, one in enumerate(self.judgements)
            if settled_too or one.questions or one.packages
        ]
        for number, judgement in zip(
            again, self._judge_all(self.wants[n] for n in again), strict=True
        ):
            self.judgements[number] = judgement


def _bare_program(interpreter: str, loader: Elf) -> Requirements:
    """Return a program that needs its *interpreter* and nothing else."""
    elf = structs.replace(
        loader,
        interpreter=interpreter,
        soname=None,
        dependencies=(),
        version_needs=(),
        version_defs=(),
        symbols=None,
        identity=None,
    )
    return Requirements(
        id="", path="", name="", sha256="", size_bytes=0, format="elf", description="", elf=elf
    )
