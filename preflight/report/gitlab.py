"""
The format ``gitlab``: a code quality report, for the merge request's widget.

Source: GitLab's manual, "Code Quality", "Code Quality report format".
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.model.nodeset import fold
from preflight.model.report import Report
from preflight.model.text import printable
from preflight.report.causes import Cause, causes
from preflight.report.encode import encode
from preflight.report.sarif import fingerprint
from preflight.report.told import headline
from preflight.report.view import View

_SEVERITIES = {"error": "blocker", "unknown": "major", "warning": "minor"}


def render(report: Report, view: View) -> Iterator[str]:  # noqa: ARG001 - a Format
    """Yield the array, an issue at a time."""
    paths = {needs.id: needs.path for needs in report.binaries}
    yield "["
    for number, cause in enumerate(causes(report)):
        yield f"{',' if number else ''}\n{_issue(cause, paths[cause.binary])}"
    yield "\n]\n"


def _issue(cause: Cause, path: str) -> str:
    hosts = printable(", ".join(fold(cause.hosts)))
    return encode(
        {
            "description": f"{headline(cause.finding)} on {hosts}",
            "check_name": printable(cause.finding.code),
            "fingerprint": fingerprint(cause, path),
            "severity": _SEVERITIES[cause.finding.counts_as],
            "location": {"path": printable(path.removeprefix("./")), "lines": {"begin": 1}},
        }
    )
