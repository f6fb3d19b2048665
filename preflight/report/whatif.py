"""
What an older floor of glibc or libstdc++ would win: how many of the blocked hosts, at which step.

A host is won by a lower floor only where versions of that one library are all
that it lacks; what keeps the others is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from preflight.model.report import Binary, Report
from preflight.model.requirements import GlibcStep
from preflight.model.text import to_json
from preflight.model.verdict import Finding, Verdict
from preflight.report.contract import described

_TOLD = 3  # things that keep hosts from being won


class Family(NamedTuple):
    """The versions of one library."""

    prefix: str  # in the subject of a finding, after the library
    floor: str  # how a floor is called, before its version

    def steps(self, binary: Binary) -> tuple[GlibcStep, ...]:
        """Return what holds the floor of *binary* up."""
        return binary.glibc_steps if self is _GLIBC else binary.glibcxx_steps


_GLIBC = Family("GLIBC_", "glibc ")
_GLIBCXX = Family("GLIBCXX_", "GLIBCXX_")


class WhatIf(NamedTuple):
    """One binary: why it needs its floor, and what each lower step would win, in all."""

    binary: Binary
    family: Family
    reasons: tuple[GlibcStep, ...]  # the steps that would have to go, the newest first
    wins: tuple[tuple[str, int], ...]  # a version, and how many hosts more start from it on
    blocked: int  # hosts that lack nothing but these versions
    others: tuple[tuple[str, str, int], ...]  # code, subject and hosts of what keeps the rest


def what_if(report: Report) -> Iterator[WhatIf]:
    """Yield each binary that an older floor would help on some host."""
    blocked: dict[str, list[Verdict]] = {}
    for verdict in report.verdicts:
        if verdict.outcome == "blocked":
            blocked.setdefault(verdict.binary, []).append(verdict)
    for needs in report.binaries:
        if verdicts := blocked.get(needs.id):
            binary = described(needs)
            found = (_of(binary, family, verdicts) for family in (_GLIBC, _GLIBCXX))
            yield from filter(None, found)


def told(report: Report, names: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each binary and library, called as *names* says by its id."""
    for found in what_if(report):
        top, *more = found.reasons
        floor = found.family.floor
        line = f"{names[found.binary.id]} needs {floor}{top.version} because of "
        line += _symbols(top, found.family)
        line += "".join(f", {s.version} because of {_symbols(s, found.family)}" for s in more)
        wins = [f"{version} wins {_hosts(count, found.blocked)}" for version, count in found.wins]
        yield f"{line}; a floor of {', '.join(wins)}{_kept_back(found)}"


def what_if_json(found: WhatIf) -> dict[str, Any]:
    """Return one element of ``what_if``; versions have the prefix that symbols have."""
    prefix = found.family.prefix
    reasons = [
        {
            "version": prefix + step.version,
            "symbols": [to_json(symbol) for symbol in step.symbols],
            "count": step.count,
        }
        for step in found.reasons
    ]
    return {
        "binary": found.binary.id,
        "reasons": reasons,
        "steps": [{"version": prefix + version, "hosts": count} for version, count in found.wins],
        "hosts": found.blocked,
        "not_won": [
            {"code": code, "subject": to_json(subject), "hosts": count}
            for code, subject, count in found.others
        ],
    }


def _of(binary: Binary, family: Family, verdicts: Iterable[Verdict]) -> WhatIf | None:
    missing, others = [], Counter[tuple[str, str]]()
    for verdict in verdicts:
        versions, rest = _lacks(verdict, family)
        if versions and not rest:
            missing.append(versions)
        elif versions:
            others.update({(finding.code, finding.subject) for finding in rest})
    steps = sorted(family.steps(binary), key=lambda step: _release(step.version), reverse=True)
    wins = _wins(steps, missing)
    if not wins:
        return None
    lowest = _release(wins[-1][0])
    reasons = tuple(step for step in steps if _release(step.version) > lowest)
    kept = tuple((*what, count) for what, count in others.most_common())
    return WhatIf(binary, family, reasons, wins, len(missing), kept)


def _lacks(verdict: Verdict, family: Family) -> tuple[tuple[tuple[int, ...], ...], list[Finding]]:
    """Return the versions of the family that the program lacks, and what else is wrong."""
    program, versions, rest = _basename(verdict.path), [], []
    for finding in verdict.findings:
        version = finding.subject.partition(":")[2]
        ours = finding.code == "version-missing" and version.startswith(family.prefix)
        number = _release(version.removeprefix(family.prefix)) if ours else ()
        if number and _basename(finding.needed_by) == program:
            versions.append(number)
        elif finding.severity == "error":
            rest.append(finding)
    return tuple(versions), rest


def _wins(
    steps: Sequence[GlibcStep], missing: Iterable[tuple[tuple[int, ...], ...]]
) -> tuple[tuple[str, int], ...]:
    """Return how many hosts each step wins in all, from the newest on."""
    reached = Counter(_first_below(steps, min(lacks)) for lacks in missing)
    wins, total = [], 0
    for step in steps:
        if step.version in reached:
            total += reached[step.version]
            wins.append((step.version, total))
    return tuple(wins)


def _first_below(steps: Iterable[GlibcStep], missing: tuple[int, ...]) -> str | None:
    """Return the newest step that a host offers which lacks *missing* and all after it."""
    return next((step.version for step in steps if _release(step.version) < missing), None)


def _kept_back(found: WhatIf) -> str:
    """Say what keeps the hosts that lack something else, too."""
    told = [
        f"{subject} ({code}) on {count:,} host{'s' * (count > 1)}"
        for code, subject, count in found.others[:_TOLD]
    ]
    told += ["…"] * (len(found.others) > _TOLD)
    return f"; not won by that: {', '.join(told)}" if told else ""


def _basename(path: str | None) -> str:
    return (path or "").rpartition("/")[2]


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _symbols(step: GlibcStep, family: Family) -> str:
    more = f" and {step.count - 2} more" if step.count > 2 else ""
    return (
        ", ".join(step.symbols[:2]) + more
        if step.symbols
        else f"{family.prefix}{step.version} itself"
    )


def _hosts(count: int, of_all: int) -> str:
    if count < of_all:
        return f"{count:,} host{'s' * (count > 1)} more"
    return f"all {count:,} that lack nothing else" if count > 1 else "the one host that lacks it"
