"""
The format ``markdown``: a comment on a pull request, or the summary of a workflow's step.

Text of hosts and binaries stands in code spans, where Markdown and its
mentions, links and HTML mean nothing.  Source: GitHub Flavored Markdown Spec,
6.3 "Code spans", 4.10 "Tables".  The whole is short enough for a comment.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from preflight.model.nodeset import fold
from preflight.model.report import Report
from preflight.model.text import printable
from preflight.model.verdict import Finding
from preflight.report.contract import described
from preflight.report.groups import GRADES, Group, by_findings, group, judged, total
from preflight.report.system import describe
from preflight.report.told import mends, waiver
from preflight.report.view import View

_LIMIT = 60_000  # bytes; a comment may have 65,536 characters
_TEXT = 300  # characters of one code span
_SYMBOLS = {"deployable": "✅", "warning": "⚠️", "unknown": "❓", "blocked": "❌"}
_BACKTICKS = re.compile("`+")


def render(report: Report, view: View) -> Iterator[str]:  # noqa: ARG001 - a Format
    """Yield the sum, a row for each result, and the findings of each folded away below."""
    room = _LIMIT
    left = 0
    for block in _blocks(report):
        size = len(block.encode())
        if size > room or left:
            left += 1
            continue
        room -= size
        yield block
    if left:
        yield f"\n{left} more parts did not fit into a comment; the whole is in the JSON report.\n"


def _blocks(report: Report) -> Iterator[str]:
    names = {needs.id: needs.path for needs in report.binaries}
    groups = group(judged(report), by_findings)
    groups.sort(key=lambda members: GRADES.index(members.grade), reverse=True)
    yield from _sum(report)
    yield from _rows(groups, report, names)
    for members in groups:
        if members.grade != "deployable":
            yield _details(members, names)
    yield from _unasked(report)


def _sum(report: Report) -> Iterator[str]:
    summary, of_what = total(report)
    yield f"### preflight: {summary.deployable:,} deployable, {summary.blocked:,} blocked, "
    yield f"{summary.unknown:,} unknown\n\n{of_what}, {report.elapsed_s:.1f} s\n\n"


def _rows(groups: list[Group], report: Report, names: dict[str, str]) -> Iterator[str]:
    if not groups:
        return
    facts = {snapshot.host: snapshot.facts for snapshot in report.hosts}
    families = {needs.id: described(needs).libc or "glibc" for needs in report.binaries}
    yield "| result | binaries | hosts | count | system |\n| --- | --- | --- | ---: | --- |\n"
    for members in groups:
        known = [facts[host] for host in members.hosts if host in facts]
        cells = (
            f"{_SYMBOLS[members.grade]} {members.grade}",
            _cell(", ".join(names[binary] for binary in members.binaries)),
            _cell(", ".join(fold(members.hosts))),
            f"{len(members.hosts):,}",
            _cell(describe(known, families[members.binaries[0]])),
        )
        yield f"| {' | '.join(cells)} |\n"


def _details(members: Group, names: dict[str, str]) -> str:
    binaries = _html(", ".join(names[binary] for binary in members.binaries))
    title = f"{_SYMBOLS[members.grade]} {binaries} on {_html(', '.join(fold(members.hosts)))}"
    lines = [f"\n<details><summary>{title}</summary>\n"]
    for finding in members.sample.findings:
        if finding.severity != "info":
            lines += _finding(finding)
    if members.sample.predicted_error is not None:
        lines.append(f"- the host would say: {code(members.sample.predicted_error)}")
    return "\n".join([*lines, "", "</details>", ""])


def _finding(finding: Finding) -> Iterable[str]:
    needed_by = f", needed by {code(finding.needed_by)}" if finding.needed_by else ""
    yield f"- {code(finding.code)}: {code(finding.message)}{needed_by}"
    if finding.waived is not None:
        yield f"  - {code(waiver(finding.waived))}"
    yield from (f"  - {code(line)}" for line in finding.evidence[:5])
    yield from (f"  - to mend: {code(line)}" for line in mends(finding))


def _unasked(report: Report) -> Iterator[str]:
    lost = [snapshot for snapshot in report.hosts if snapshot.status != "probed"]
    causes = dict.fromkeys((snapshot.status, snapshot.cause) for snapshot in lost)
    for status, cause in causes:
        hosts = [host.host for host in lost if (host.status, host.cause) == (status, cause)]
        yield f"\n- not asked, {code(cause or status)}: {code(', '.join(fold(hosts)))}\n"


def code(text: str) -> str:
    """Return *text* as a code span, whatever backticks are in it."""
    shown = _short(text) or " "
    fence = "`" * (max(map(len, _BACKTICKS.findall(shown)), default=0) + 1)
    pad = " " if "`" in (shown[0], shown[-1]) else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _cell(text: str) -> str:
    return code(text).replace("|", "\\|") if text else ""


def _html(text: str) -> str:
    return f"<code>{html.escape(_short(text))}</code>"


def _short(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _TEXT else shown[:_TEXT] + "…"
