"""The exit statuses: what the contract promises to scripts."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from preflight.model.report import Report


class Exit(IntEnum):
    """How a command ended; docs/report.md says which report means which."""

    DEPLOYABLE = 0
    BLOCKED = 1
    USAGE = 2
    UNDETERMINED = 3
    WARNINGS = 4
    BROKEN = 70
    HUNG_UP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


def exit_of(report: Report, fail_on: str | None, *, gaps: bool = False) -> Exit:
    """
    Return the status of a finished run.

    *fail_on* "unknown" makes an undetermined host count as blocked, "warning"
    makes warnings count where nothing worse happened.  What is not in the
    report and should be is undetermined; *gaps* says that there is more of it.
    """
    summary = report.summary
    undetermined = summary.unknown > 0 or any(host.status != "probed" for host in report.hosts)
    gaps |= len(report.verdicts) < len(report.hosts) * len(report.binaries)
    undetermined |= gaps or report.missing > 0
    if summary.blocked or (undetermined and fail_on == "unknown"):
        return Exit.BLOCKED
    if undetermined:
        return Exit.UNDETERMINED
    findings = (finding for verdict in report.verdicts for finding in verdict.findings)
    warned = any(f.severity == "warning" and f.waived is None for f in findings)
    if warned and fail_on == "warning":
        return Exit.WARNINGS
    return Exit.DEPLOYABLE
