"""Does every library define the versions that are wanted of it?"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.loader.glibc.versions import VersionProblem
from preflight.loader.glibc.versions import check_versions as glibc_versions
from preflight.model.verdict import Finding, Severity

_KINDS: dict[str, tuple[str, Severity]] = {
    "missing": ("version-missing", "error"),
    "weak": ("version-weak-missing", "warning"),
    "bare": ("version-info-missing", "warning"),
    "unrequested": ("version-inconsistent", "error"),
    "relr": ("version-inconsistent", "error"),
}


def problems(case: Case) -> tuple[VersionProblem, ...]:
    """Return the version needs that are not met; musl looks at none."""
    if case.resolution is None or case.setting is None or case.resolution.family != "glibc":
        return ()
    return tuple(glibc_versions(case.setting, case.resolution))


def first_line(case: Case, line: str | None) -> str | None:
    """Return what is printed first where *line* comes after libraries and versions."""
    resolution = case.resolution
    said = list(resolution.lines) if resolution else []
    said += [problem.line for problem in problems(case) if problem.line and not problem.ending]
    return said[0] if said else line


def check_versions(case: Case) -> Iterator[Finding]:
    """Every version need of every loaded object is met by the library that was found."""
    return (_finding(problem) for problem in problems(case))


def _finding(problem: VersionProblem) -> Finding:
    code, severity = _KINDS[problem.kind]
    return Finding(
        code=code,
        severity=severity,
        subject=f"{problem.library}:{problem.version}",
        needed_by=problem.needed_by,
        message=_message(problem),
        evidence=_evidence(problem),
    )


def _message(problem: VersionProblem) -> str:
    where = problem.provider or problem.library
    if problem.kind == "bare":
        return f"{where} has no version information; {problem.version} was wanted of it"
    if problem.kind == "unrequested":
        return f"a version of {problem.library} is wanted, but nothing asked for that file"
    if problem.kind == "relr":
        return f"{problem.needed_by} has packed relocations without a need for {problem.version}"
    return f"{where} does not define {problem.version}"


def _evidence(problem: VersionProblem) -> tuple[str, ...]:
    if not problem.offered or problem.provider is None:
        return ()
    return (f"{problem.provider} defines up to {_newest(problem.offered)}",)


def _newest(names: tuple[str, ...]) -> str:
    """Return the name with the highest dotted number."""
    return max(names, key=lambda name: [int(part) for part in _numbers(name)])


def _numbers(name: str) -> list[str]:
    return [part for part in name.rpartition("_")[2].split(".") if part.isdigit()]
