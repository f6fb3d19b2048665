"""Puts what the hosts' own loaders say beside the verdicts, for ``--prove``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import structs

from preflight.api.wants import Outcome, Want
from preflight.errors import ProbeError, TransportError
from preflight.judge.proof import depends_on_origin, unprovable, with_proof
from preflight.model.proof import Trace
from preflight.model.question import ElfContent, ReadElf
from preflight.model.snapshot import Snapshot
from preflight.probe.prove import Task, broken_off, prove, remove
from preflight.transport import Session


def proved(
    outcome: Outcome, wants: Sequence[Want], session: Session, reach_again: Callable[[], Session]
) -> Outcome:
    """
    Return *outcome* with a proof beside each verdict.

    Where a proof breaks off, *reach_again* is called for another session, to
    remove what may be left on the host.
    """
    verdicts = []
    for want, verdict in zip(wants, outcome.verdicts, strict=True):
        task = _task(want, outcome.snapshot)
        if isinstance(task, str):
            trace = Trace(refused=task)
        else:
            trace = _trace(task, session, outcome.snapshot, reach_again)
        verdicts.append(with_proof(want.requirements, want.start, verdict, trace))
    return structs.replace(outcome, verdicts=tuple(verdicts))


def _task(want: Want, snapshot: Snapshot) -> Task | str:
    """Return what there is to trace, or why there is nothing."""
    requirements, start = want.requirements, want.start
    if reason := unprovable(requirements, start, snapshot):
        return reason
    interpreter = (requirements.elf and requirements.elf.interpreter) or ""
    answer = snapshot.answers.get(ReadElf(interpreter))
    identity = answer.elf.identity if isinstance(answer, ElfContent) else None
    family = identity.family if identity else None
    if family not in ("glibc", "musl"):
        return f"the host has no loader {interpreter} that is known to trace"
    try:
        program = Path(requirements.path).read_bytes()
    except OSError as error:
        return f"{requirements.path}: {error.strerror}"
    if hashlib.sha256(program).hexdigest() != requirements.sha256:
        return f"{requirements.path} is no longer what was analysed"
    return Task(
        program=program,
        interpreter=interpreter,
        family=family,
        start=start,
        by_origin=depends_on_origin(requirements, start),
    )


def _trace(
    task: Task, session: Session, snapshot: Snapshot, reach_again: Callable[[], Session]
) -> Trace:
    try:
        return prove(session, task, snapshot.facts)
    except (TransportError, ProbeError) as error:
        try:
            with reach_again() as another:
                return broken_off(error, left=remove(another, task))
        except (TransportError, ProbeError):
            return broken_off(error, left=task.traces)
