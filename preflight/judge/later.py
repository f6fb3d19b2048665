"""
Would the program get what it says that it opens with dlopen(3), once it runs?

It starts without: nothing here blocks a host, or leaves one unknown.
Source: UAPI group, "ELF dlopen metadata"; dlopen(3) for the order of the search, which is that
of one more DT_NEEDED of the same object.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from preflight.judge import libraries, versions
from preflight.judge.case import Case
from preflight.model.elf import DT_NEEDED, Dependency, LaterNeed
from preflight.model.verdict import Finding, Severity

_SEVERITIES: dict[str, Severity] = {
    "required": "warning",
    "recommended": "warning",
    "suggested": "info",
}


def check_later(case: Case) -> Iterator[Finding]:
    """One of the sonames of each dlopen note is there, with all that it needs."""
    if case.elf is None or case.resolution is None or not case.elf.later:
        return
    before = frozenset(_problems(case))
    for need in case.elf.later:
        tried = [(soname, _wrong(case, soname, before)) for soname in need.sonames]
        if all(wrong for _, wrong in tried):
            yield _finding(case, need, tried)


def _wrong(case: Case, soname: str, before: frozenset[Finding]) -> tuple[Finding, ...]:
    """Return what keeps *soname* from being opened, on top of what was so *before*."""
    opening = _opening(case, soname)
    wrong = tuple(finding for finding in _problems(opening) if finding not in before)
    if wrong or not opening.inquiry.open:
        return wrong
    return (_unseen(soname),)


def _opening(case: Case, soname: str) -> Case:
    """Return *case* as if the program named *soname* as its last DT_NEEDED."""
    elf = case.elf
    dependencies = (*elf.dependencies, Dependency(DT_NEEDED, soname)) if elf else ()
    wanting = structs.replace(elf, dependencies=dependencies) if elf else None
    requirements = structs.replace(case.requirements, elf=wanting)
    return Case(requirements, case.start, case.snapshot, case.asides)


def _problems(case: Case) -> Iterator[Finding]:
    for check in (libraries.check_libraries, versions.check_versions):
        yield from (f for f in check(case) if f.severity in {"error", "unknown"})


def _unseen(soname: str) -> Finding:
    message = f"{soname} was not looked for"
    return Finding(code="not-asked", severity="unknown", subject=soname, message=message)


def _finding(case: Case, need: LaterNeed, tried: list[tuple[str, tuple[Finding, ...]]]) -> Finding:
    sonames = " or ".join(need.sonames)
    purpose = need.description or need.feature
    what = f"{sonames} ({need.priority}{f': {purpose}' if purpose else ''})"
    certain = all(any(f.severity == "error" for f in wrong) for _, wrong in tried)
    words = "cannot be opened" if certain else "may not be there to be opened"
    return Finding(
        code="dlopen-missing" if certain else "dlopen-unknown",
        severity=_SEVERITIES[need.priority] if certain else "info",
        subject=need.sonames[0],
        needed_by=case.program_name,
        message=f"{what} {words} later: the program starts without it",
        evidence=tuple(finding.message for _, wrong in tried for finding in wrong),
    )
