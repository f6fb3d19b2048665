"""
Verdicts with the same result, put together: what a reader wants to see once.

Two findings are the same when all that is said of them is the same; the
program's own name counts as the same for every binary.  Evidence counts only
where it is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from preflight.model.report import Report, Summary
from preflight.model.verdict import Finding, Verdict
from preflight.report.causes import verdicts_of_shipped
from preflight.report.terminal import count

Grade = Literal["deployable", "warning", "unknown", "blocked"]
GRADES: tuple[Grade, ...] = ("deployable", "warning", "unknown", "blocked")
Key: TypeAlias = Callable[[Verdict], Hashable]


@dataclass(frozen=True, slots=True)
class Group:
    """Verdicts of the same result: every one of the binaries on every one of the hosts."""

    grade: Grade
    binaries: tuple[str, ...]  # their ids
    hosts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def sample(self) -> Verdict:
        """The first of them, to stand for all."""
        return self.verdicts[0]


def grade(verdict: Verdict) -> Grade:
    """Return the outcome, or "warning" where a deployable program has one, or what is waived."""
    warned = any(finding.counts_as == "warning" for finding in verdict.findings)
    if verdict.outcome == "deployable" and warned:
        return "warning"
    return verdict.outcome


def by_grade(verdict: Verdict) -> Hashable:
    """Verdicts of one grade are the same, whatever the reason."""
    return grade(verdict)


def by_findings(verdict: Verdict) -> Hashable:
    """Verdicts are the same when they have the same grade and findings, mere information apart."""
    findings = [finding for finding in verdict.findings if finding.severity != "info"]
    return grade(verdict), tuple(_said(verdict, findings))


def by_evidence(verdict: Verdict) -> Hashable:
    """Verdicts are the same when everything is that their findings say."""
    evidence = tuple(finding.evidence for finding in verdict.findings)
    return grade(verdict), tuple(_said(verdict, verdict.findings)), evidence


def by_libraries(verdict: Verdict) -> Hashable:
    """Verdicts are the same when the same libraries were found by the same rules."""
    return verdict.binary, verdict.libraries


def group(verdicts: Iterable[Verdict], key: Key) -> list[Group]:
    """Return the groups, the good ones first, then in the order of binaries and hosts."""
    hosts: dict[tuple[str, Hashable], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        hosts[verdict.binary, key(verdict)].append(verdict)
    alike: dict[Hashable, list[list[Verdict]]] = defaultdict(list)
    for (_, result), members in hosts.items():
        alike[result, frozenset(verdict.host for verdict in members)].append(members)
    groups = [_group(lists) for lists in alike.values()]
    return sorted(groups, key=lambda g: GRADES.index(g.grade))


def judged(report: Report) -> list[Verdict]:
    """
    Return the verdicts that say more than that the host was not asked.

    A bundle stands for its members.
    """
    asked = {snapshot.host for snapshot in report.hosts if snapshot.status == "probed"}
    return [v for v in verdicts_of_shipped(report) if v.host in asked or not _says_nothing(v)]


def total(report: Report) -> tuple[Summary, str]:
    """Return the sum as people read it, and of what it is; a bundle stands for its members."""
    formats = [needs.format for needs in report.binaries if needs.member_of is None]
    manifests = formats.count("manifest")
    of_what = f"{count(len(report.hosts), 'host')}, {count(len(formats) - manifests, 'binary')}"
    of_what += f", {count(manifests, 'manifest')}" if manifests else ""
    return Summary.of(verdicts_of_shipped(report)), of_what


def _group(lists: list[list[Verdict]]) -> Group:
    first = lists[0]
    return Group(
        grade(first[0]),
        tuple(members[0].binary for members in lists),
        tuple(verdict.host for verdict in first),
        tuple(verdict for members in lists for verdict in members),
    )


def _said(verdict: Verdict, findings: Iterable[Finding]) -> Iterator[Hashable]:
    """Yield what each finding says, with the program's own names taken out."""
    program = _basename(verdict.path)
    needing = (f.needed_by for f in verdict.findings if f.needed_by)
    names = {verdict.path, f"./{program}", *(n for n in needing if _basename(n) == program)}
    for finding in findings:
        message = finding.message
        for name in sorted(filter(None, names), key=len, reverse=True):
            message = message.replace(name, "")
        needed_by = None if finding.needed_by in names else finding.needed_by
        yield (
            finding.severity,
            finding.code,
            finding.subject,
            needed_by,
            message,
            finding.remedy,
            finding.waived,
        )


def _basename(path: str) -> str:
    return path.rpartition("/")[2]


def _says_nothing(verdict: Verdict) -> bool:
    return {finding.code for finding in verdict.findings} == {"host-not-probed"}
