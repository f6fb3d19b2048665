"""The exit statuses, and which one a report means."""

from __future__ import annotations

from enum import IntEnum

from preflight.model.report import Report


class Exit(IntEnum):
    """What the contract promises to scripts."""

    DEPLOYABLE = 0
    BLOCKED = 1
    USAGE = 2
    UNDETERMINED = 3
    WARNINGS = 4
    BROKEN = 70
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


def exit_of(report: Report, fail_on: str | None) -> Exit:
    """
    Return the status of a finished run.

    *fail_on* "unknown" makes an undetermined host count as blocked, "warning"
    makes warnings count where nothing worse happened.
    """
    summary = report.summary
    undetermined = summary.unknown or any(host.status != "probed" for host in report.hosts)
    if summary.blocked or (undetermined and fail_on == "unknown"):
        return Exit.BLOCKED
    if undetermined:
        return Exit.UNDETERMINED
    warned = any(f.severity == "warning" for v in report.verdicts for f in v.findings)
    if warned and fail_on == "warning":
        return Exit.WARNINGS
    return Exit.DEPLOYABLE
