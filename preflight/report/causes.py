"""Each finding once, with the hosts on which a binary has it: what a list of issues wants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from msgspec import Struct

from preflight.model.report import Report
from preflight.model.verdict import Finding, Verdict

SEVERITIES = ("error", "unknown", "warning")


class Cause(Struct, frozen=True, kw_only=True):
    """One finding on one binary, and where."""

    binary: str  # its id
    finding: Finding  # of the first of the hosts; evidence and remedies may differ on others
    hosts: tuple[str, ...]  # in the report's order


def verdicts_of_shipped(report: Report) -> list[Verdict]:
    """Return the verdicts on what was named; a bundle stands for its members."""
    members = {needs.id for needs in report.binaries if needs.member_of is not None}
    if not members:
        return list(report.verdicts)
    return [verdict for verdict in report.verdicts if verdict.binary not in members]


def causes(report: Report) -> list[Cause]:
    """
    Return the errors, then what is unknown, then the warnings, those of most hosts first.

    Findings are the same when code, severity, subject, message, what needs it and its waiver are.
    """
    alike: dict[tuple[str, int], list[Verdict]] = defaultdict(list)
    for verdict in verdicts_of_shipped(report):
        alike[verdict.binary, id(verdict.findings)].append(verdict)
    hosts: dict[tuple[str, Hashable], dict[str, None]] = defaultdict(dict)
    first: dict[tuple[str, Hashable], Finding] = {}
    for (binary, _), verdicts in alike.items():
        for finding in verdicts[0].findings:
            if finding.counts_as in SEVERITIES:
                key = (binary, _said(finding))
                first.setdefault(key, finding)
                hosts[key].update((verdict.host, None) for verdict in verdicts)
    found = [
        Cause(binary=key[0], finding=finding, hosts=tuple(hosts[key]))
        for key, finding in first.items()
    ]
    return sorted(
        found, key=lambda cause: (SEVERITIES.index(cause.finding.counts_as), -len(cause.hosts))
    )


def _said(finding: Finding) -> Hashable:
    return (
        finding.severity,
        finding.code,
        finding.subject,
        finding.needed_by,
        finding.message,
        finding.waived,
    )
