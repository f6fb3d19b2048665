"""
How to mend what was found: on that host, and in that build.

Advice, never a verdict: it asks nothing of the host and changes no outcome.
`host` says what to install, by naming rules; `build` says what to change for
the program's toolchain, of which `toolchain` tells what is known.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from preflight.judge.case import Case
from preflight.judge.remedies import build, host
from preflight.model.codes import CODES
from preflight.model.verdict import Finding, Remedy


def with_remedies(findings: Iterable[Finding], case: Case | None = None) -> tuple[Finding, ...]:
    """Return *findings*, each with its remedies (of *case*, too) unless it is mere information."""
    return tuple(_remedied(finding, case) for finding in findings)


def _remedied(finding: Finding, case: Case | None) -> Finding:
    if finding.severity == "info":
        return finding
    special: tuple[Remedy, ...] = ()
    if case is not None:
        special = (*host.remedies(finding, case), *build.remedies(finding, case))
    return structs.replace(finding, remedy=CODES[finding.code].remedy, remedies=special)
