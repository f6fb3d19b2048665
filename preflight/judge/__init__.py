"""
Would it start?  One file a family of checks; `STAGES` lists them in the order of a real start.

A check is a pure function ``(Case) -> Iterator[Finding]``.  A stage is judged
only where the one before lets the kernel or the loader reach it; within a
stage everything is listed.  To add a check: a function in the file of its
family (or a new file), a line in `STAGES`, and its codes in
`preflight.model.codes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct, structs

from preflight.judge import (
    cpu,
    go,
    gocpu,
    image,
    interpreter,
    later,
    libraries,
    machine,
    mounts,
    payload,
    permissions,
    plugin,
    policy,
    runtime,
    script,
    stack,
    symbols,
    versions,
)
from preflight.judge.case import Case, Prediction
from preflight.judge.chain import End
from preflight.judge.remedies import with_remedies
from preflight.judge.requirements import check_needs
from preflight.model.question import FileQuestion, Package
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Snapshot
from preflight.model.start import Start
from preflight.model.verdict import Finding, Library, Verdict, outcome_of

Check = Callable[[Case], Iterator[Finding]]
Predict = Callable[[Case], Prediction | None]
_Walked = tuple[tuple[Finding, ...], Prediction | None]


class Stage(Struct, frozen=True):
    """Checks that belong together, and how a start that fails here would end."""

    checks: tuple[Check, ...]
    predict: Predict


_PERMISSION: tuple[Check, ...] = (
    mounts.check_program,
    permissions.check_directories,
    permissions.check_mode,
    policy.check_policy,
)
_FORMAT: tuple[Check, ...] = (
    image.check_system,
    go.check_go,
    image.check_format,
    image.check_library,
    machine.check_machine,
)


def _predict_exec(case: Case) -> Prediction | None:
    """Return how execve(2) refuses: permission comes first, in do_open_execat() of fs/exec.c."""
    outcome = outcome_of(tuple(finding for check in _PERMISSION for finding in check(case)))
    if outcome == "blocked":
        return mounts.predict(case)
    return machine.predict(case) if outcome == "deployable" else None


STAGES: tuple[Stage, ...] = (
    Stage((permissions.check_user,), lambda _: None),
    Stage((*_PERMISSION, *_FORMAT), _predict_exec),
    # The kernel starts it, and it ends by a system call that means something else here.
    Stage((machine.check_system,), lambda _: None),
    Stage((image.check_interpreter_path,), image.predict_interpreter_path),
    Stage((interpreter.check_interpreter,), interpreter.predict),
    Stage((image.check_complete,), image.predict_cut),
    Stage((image.check_segments, image.check_needs, image.check_lowest), image.predict_segments),
    Stage((cpu.check_loader,), cpu.predict_loader),
    Stage((stack.check_stack,), stack.predict),
    Stage((image.check_intact,), lambda _: None),
    Stage(
        (libraries.check_libraries, versions.check_versions, stack.check_selinux),
        libraries.predict,
    ),
    Stage((cpu.check_cpu_level,), cpu.predict),
    Stage((symbols.check_symbols,), symbols.predict),
    Stage((image.check_entry,), image.predict_segments),
    Stage((gocpu.check_go_cpu,), gocpu.predict_go_cpu),
    Stage((payload.check_payload, later.check_later), lambda _: None),
)


# What a library that a program opens goes through, after the program's own STAGES.
PLUGIN_STAGES: tuple[Stage, ...] = (
    Stage((plugin.check_file,), plugin.predict_file),
    Stage((plugin.check_opener,), plugin.predict_libraries),
    Stage((plugin.check_mount,), plugin.predict_mount),
    Stage((image.check_intact,), lambda _: None),
    Stage((libraries.check_libraries, versions.check_versions), plugin.predict_libraries),
    Stage((cpu.check_cpu_level,), plugin.predict_cpu),
    Stage((plugin.check_tls,), plugin.predict_tls),
    Stage((symbols.check_symbols,), plugin.predict_symbols),
    Stage((later.check_later,), lambda _: None),
)


class Judgement(Struct, frozen=True):
    """
    A verdict, the questions that stand between it and certainty, and all that were asked.

    *packages* are asked once it is certain: its remedies hang on them, and nothing else.
    """

    verdict: Verdict
    questions: tuple[FileQuestion, ...] = ()
    asked: tuple[FileQuestion, ...] = ()
    packages: tuple[Package, ...] = ()


def judge(requirements: Requirements, start: Start, snapshot: Snapshot) -> Judgement:
    """
    Return what would happen on the host, by the answers at hand.

    While *questions* is not empty the verdict is provisional: what hangs on
    them is an ``unknown`` finding of the code ``not-asked``.
    """
    case = Case(requirements, start, snapshot)
    if snapshot.status != "probed":
        finding = Finding(
            code="host-not-probed",
            severity="unknown",
            subject=snapshot.host,
            message=snapshot.reason or snapshot.cause or snapshot.status,
        )
        return Judgement(_verdict(case, (finding,), None))
    if requirements.format == "manifest":
        findings, prediction = tuple(check_needs(case)), None
    else:
        findings, prediction = _walk(case)
        if not _fails(findings):
            findings += tuple(runtime.advise(case))
    questions = case.inquiry.open
    asides = case.asides
    why = snapshot.facts_unknown.get("answers")
    asked = tuple(_not_asked(question, why) for question in questions)
    return Judgement(
        _verdict(case, (*findings, *asked), None if asked else prediction),
        _once(questions, asides.open),
        _once(case.inquiry.asked, asides.asked),
        tuple(case.open_packages),
    )


def _once(
    first: tuple[FileQuestion, ...], second: tuple[FileQuestion, ...]
) -> tuple[FileQuestion, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _walk(case: Case) -> _Walked:
    if case.opener is None:
        walked = _stages(case, STAGES)
        return walked if case.requirements.format != "script" else _interpreted(case, walked)
    start, prediction = _stages(case.opener, STAGES)
    name = case.opener.program_name
    named = tuple(structs.replace(f, message=f"{name}: {f.message}") for f in start)
    if _fails(start):
        return named, prediction
    found, prediction = _stages(case, PLUGIN_STAGES)
    return (*named, *(finding for finding in found if finding not in start)), prediction


def _interpreted(case: Case, walked: _Walked) -> _Walked:
    """Return what becomes of a script: of itself, then of each program that is started for it."""
    findings, prediction = walked
    for link in () if _fails(findings) else script.follow(case):
        if isinstance(link, End):
            return (*findings, link.finding), link.prediction
        found, prediction = _stages(link.case, STAGES)
        name = link.case.requirements.path
        named = (structs.replace(f, message=f"{name}: {f.message}") for f in found)
        findings = (*findings, *(f for f in named if f not in findings))
        if _fails(found):
            return findings, script.ending(link, prediction)
    return findings, prediction


def _fails(findings: tuple[Finding, ...]) -> bool:
    return outcome_of(findings) == "blocked"


def _stages(case: Case, stages: tuple[Stage, ...]) -> _Walked:
    findings: list[Finding] = []
    doubtful = False
    for stage in stages:
        found = [finding for check in stage.checks for finding in check(case)]
        findings.extend(found)
        if _fails(tuple(found)):
            return tuple(findings), None if doubtful else stage.predict(case)
        # What is not known may end the start before, with a first line of its own.
        doubtful |= any(finding.severity == "unknown" for finding in found)
    return tuple(findings), None


def _not_asked(question: FileQuestion, why: str | None) -> Finding:
    return Finding(
        code="not-asked",
        severity="unknown",
        subject=question.path,
        message=f"{question.path} was not looked at",
        evidence=(why,) if why else (),
    )


def _verdict(case: Case, findings: tuple[Finding, ...], prediction: Prediction | None) -> Verdict:
    said = prediction if outcome_of(findings) == "blocked" else None
    return Verdict(
        host=case.snapshot.host,
        binary=case.requirements.id,
        path=case.requirements.path,
        outcome=outcome_of(findings),
        predicted_error=_first_of(said.line) if said else None,
        predicted_exit=said.exit_status if said else None,
        findings=with_remedies(findings, case),
        libraries=_libraries(case),
        loaded_by=case.opener.requirements.path if case.opener else None,
    )


def _first_of(words: str | None) -> str | None:
    """Return the first line: a name can hold a line feed."""
    return words and words.partition("\n")[0]


def _libraries(case: Case) -> tuple[Library, ...]:
    resolution = case.resolution
    if resolution is None:
        return ()
    found = tuple(
        Library(name=o.name, path=o.path, needed_by=o.needed_by, rule=o.rule)
        for o in resolution.objects[1:]
    )
    missed = tuple(
        Library(name=m.name, path=None, needed_by=(m.needed_by,), rule=None, tried=m.tried)
        for m in resolution.misses
    )
    return found + missed
