"""
What an older glibc floor would win: how many of the blocked hosts, at which step.

A host is won by a lower floor only where symbol versions of glibc are all that
it lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from preflight.model.report import Binary, Report
from preflight.model.requirements import GlibcStep
from preflight.model.verdict import Verdict
from preflight.report.contract import described

_MARK = ":GLIBC_"


class WhatIf(NamedTuple):
    """One binary: why it needs its glibc, and what each lower step would win, in all."""

    binary: Binary
    reasons: tuple[GlibcStep, ...]  # the steps that would have to go, the newest first
    wins: tuple[tuple[str, int], ...]  # a version, and how many hosts more start from it on
    blocked: int  # hosts that lack nothing but versions of glibc


def what_if(report: Report) -> Iterator[WhatIf]:
    """Yield each binary that an older glibc floor would help on some host."""
    blocked: dict[str, list[Verdict]] = {}
    for verdict in report.verdicts:
        if verdict.outcome == "blocked":
            blocked.setdefault(verdict.binary, []).append(verdict)
    for needs in report.binaries:
        binary = described(needs)
        missing = [lacks for v in blocked.get(binary.id, ()) if (lacks := _lacks(v))]
        if missing and (found := _of(binary, missing)):
            yield found


def told(report: Report, names: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each binary, called as *names* says by its id."""
    for found in what_if(report):
        top, *more = found.reasons
        line = f"{names[found.binary.id]} needs glibc {top.version} because of {_symbols(top)}"
        line += "".join(f", {step.version} because of {_symbols(step)}" for step in more)
        wins = [f"at {version} {_hosts(count, found.blocked)}" for version, count in found.wins]
        yield f"{line}; {', '.join(wins)}"


def _lacks(verdict: Verdict) -> tuple[tuple[int, ...], ...]:
    """Return the GLIBC_ versions that are missing; none where anything else is wrong, too."""
    errors = [finding for finding in verdict.findings if finding.severity == "error"]
    program = _basename(verdict.path)
    if any(f.code != "version-missing" or _basename(f.needed_by) != program for f in errors):
        return ()
    versions = [finding.subject.partition(_MARK)[2] for finding in errors]
    return tuple(map(_release, versions)) if all(versions) else ()


def _of(binary: Binary, missing: Sequence[Sequence[tuple[int, ...]]]) -> WhatIf | None:
    steps = sorted(binary.glibc_steps, key=lambda step: _release(step.version), reverse=True)
    reached = Counter(_first_below(steps, min(lacks)) for lacks in missing)
    wins, total = [], 0
    for step in steps:
        if step.version in reached:
            total += reached[step.version]
            wins.append((step.version, total))
    if not wins:
        return None
    lowest = _release(wins[-1][0])
    reasons = tuple(step for step in steps if _release(step.version) > lowest)
    return WhatIf(binary, reasons, tuple(wins), len(missing))


def _first_below(steps: Iterable[GlibcStep], missing: tuple[int, ...]) -> str | None:
    """Return the newest step that a host offers which lacks *missing* and all after it."""
    return next((step.version for step in steps if _release(step.version) < missing), None)


def _basename(path: str | None) -> str:
    return (path or "").rpartition("/")[2]


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _symbols(step: GlibcStep) -> str:
    more = f" and {step.count - 2} more" if step.count > 2 else ""
    return ", ".join(step.symbols[:2]) + more if step.symbols else f"GLIBC_{step.version} itself"


def _hosts(count: int, of_all: int) -> str:
    if count == of_all:
        return f"all {count:,} that lack nothing else" if count > 1 else "the one that lacks it"
    return f"{count:,} host{'s' * (count > 1)} more"
