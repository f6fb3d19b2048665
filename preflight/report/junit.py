"""
The format ``junit``: one suite per binary, one case per host.

A blocked host is a failure, an undetermined one an error.  Attributes and
their order are those that both the schema of Jenkins' xUnit plug-in and the
one of Apache Ant's reports allow.  Source: junit-10.xsd, JUnit.xsd.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from html import escape

from preflight.model.report import Binary, Report
from preflight.model.requirements import Requirements
from preflight.model.text import printable
from preflight.model.verdict import Verdict
from preflight.report.causes import verdicts_of_shipped
from preflight.report.told import headline, lines, worst
from preflight.report.view import View

_ELEMENTS = {"blocked": "failure", "unknown": "error"}


def render(report: Report, view: View) -> Iterator[str]:  # noqa: ARG001 - a Format
    """Yield the document, a case at a time."""
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts_of_shipped(report):
        verdicts[verdict.binary].append(verdict)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
    shipped = (needs for needs in report.binaries if needs.member_of is None)
    for number, needs in enumerate(shipped):
        yield from _suite(number, needs, verdicts[needs.id], report)
    yield "</testsuites>\n"


def _suite(
    number: int, needs: Requirements | Binary, verdicts: list[Verdict], report: Report
) -> Iterator[str]:
    outcomes = [verdict.outcome for verdict in verdicts]
    name = _attribute(needs.path)
    yield (
        f'  <testsuite name={name} package="preflight" id="{number}" hostname="localhost"'
        f' timestamp="{report.started_at.rstrip("Z")}" time="{report.elapsed_s:.3f}"'
        f' tests="{len(outcomes)}" failures="{outcomes.count("blocked")}"'
        f' errors="{outcomes.count("unknown")}">\n    <properties/>\n'
    )
    results: dict[tuple[int, str | None], str] = {}
    for verdict in verdicts:
        key = (id(verdict.findings), verdict.predicted_error)
        if key not in results:
            results[key] = _result(verdict)
        case = f'    <testcase name={_attribute(verdict.host)} classname={name} time="0"'
        yield f"{case}>\n{results[key]}    </testcase>\n" if results[key] else f"{case}/>\n"
    yield "    <system-out>"
    yield from map(_text, _warnings(verdicts))
    yield "</system-out>\n    <system-err/>\n  </testsuite>\n"


def _result(verdict: Verdict) -> str:
    """Return what stands in a case; nothing where the binary is deployable."""
    finding, element = worst(verdict), _ELEMENTS.get(verdict.outcome)
    if finding is None or element is None:
        return ""
    body = _text("\n".join(lines(verdict)))
    message, code = _attribute(headline(finding)), _attribute(finding.code)
    return f"      <{element} message={message} type={code}>{body}</{element}>\n"


def _warnings(verdicts: list[Verdict]) -> Iterator[str]:
    """Yield what a deployable binary warns of; its case has no room for it in Ant's schema."""
    for verdict in verdicts:
        if verdict.outcome == "deployable":
            for finding in verdict.findings:
                if finding.counts_as == "warning":
                    yield f"{printable(verdict.host)}: {headline(finding)}\n"


def _attribute(text: str) -> str:
    return f'"{escape(printable(text))}"'


def _text(text: str) -> str:
    return escape(text, quote=False)
