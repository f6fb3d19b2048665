"""
The format ``github``: annotations of a workflow run, as workflow commands.

GitHub shows ten errors and ten warnings of a step: results are folded, the
widest first, and the last annotation counts the rest.  Source: GitHub Docs,
"Workflow commands for GitHub Actions"; actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from preflight.model.nodeset import fold
from preflight.model.report import Report
from preflight.model.text import printable
from preflight.report.causes import Cause, causes
from preflight.report.groups import total
from preflight.report.told import headline, mends
from preflight.report.view import View

_SHOWN = 10  # of each command
_LENGTH = 4000  # characters of one message
_COMMANDS = {"error": ("error",), "warning": ("unknown", "warning")}


def render(report: Report, view: View) -> Iterator[str]:  # noqa: ARG001 - a Format
    """Yield a command a line: errors, warnings, and the sum as a notice."""
    names = {needs.id: needs.path for needs in report.binaries}
    found = causes(report)
    for command, severities in _COMMANDS.items():
        chosen = [cause for cause in found if cause.finding.counts_as in severities]
        yield from _annotations(command, chosen, names)
    summary, of_what = total(report)
    text = f"{summary.deployable} deployable, {summary.blocked} blocked, {summary.unknown} unknown"
    yield _command("notice", "preflight", f"{text}: {of_what}")


def _annotations(command: str, chosen: Sequence[Cause], names: dict[str, str]) -> Iterator[str]:
    shown = chosen if len(chosen) <= _SHOWN else chosen[: _SHOWN - 1]
    for cause in shown:
        hosts = printable(", ".join(fold(cause.hosts)))
        title = printable(f"{names[cause.binary]}: {cause.finding.code}")
        lines = [f"{headline(cause.finding)} on {hosts}", *mends(cause.finding)]
        yield _command(command, title, "\n".join(lines))
    if left := len(chosen) - len(shown):
        yield _command(command, "preflight", f"and {left} more; see the step's summary")


def _command(command: str, title: str, message: str) -> str:
    if len(message) > _LENGTH:
        message = message[:_LENGTH] + "…"
    return f"::{command} title={_property(title)}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
