"""What a verdict says, as plain lines: for formats that show it in one block of text."""

from __future__ import annotations

from collections.abc import Iterator

from preflight.model.text import printable
from preflight.model.verdict import Finding, Verdict, Waived


def headline(finding: Finding) -> str:
    """Return a finding in one line, with what needs the thing."""
    line = f"{finding.code}: {finding.message}"
    if finding.needed_by and finding.needed_by not in finding.message:
        line += f" (needed by {finding.needed_by})"
    if finding.waived is not None:
        line += f" ({waiver(finding.waived)})"
    return printable(line)


def waiver(waived: Waived) -> str:
    """Return why a finding does not count, and how long."""
    return printable(f"waived until {waived.expires}: {waived.reason}")


def worst(verdict: Verdict) -> Finding | None:
    """Return the finding that decides the outcome; None where all is well."""
    decisive = {"blocked": "error", "unknown": "unknown"}.get(verdict.outcome, "warning")
    return next((found for found in verdict.findings if found.counts_as == decisive), None)


def lines(verdict: Verdict) -> Iterator[str]:
    """Yield the findings with evidence and remedy, and what the host itself would say."""
    for finding in verdict.findings:
        if finding.severity != "info":
            yield f"{finding.counts_as}: {headline(finding)}"
            yield from (f"  {printable(line)}" for line in finding.evidence)
            yield from (f"  to mend: {line}" for line in mends(finding))
    if verdict.predicted_error is not None:
        yield f"the host would say: {printable(verdict.predicted_error)}"


def mends(finding: Finding) -> Iterator[str]:
    """Yield what mends it on that host or in that build, else what mends its kind in general."""
    for remedy in finding.remedies:
        text = f"{remedy.text}: {remedy.command}" if remedy.command else remedy.text
        yield printable(text)
    if not finding.remedies and finding.remedy:
        yield printable(finding.remedy)
