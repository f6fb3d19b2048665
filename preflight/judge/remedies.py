"""How to mend what was found: the remedy of its code, for whatever is more than information."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from preflight.model.codes import CODES
from preflight.model.verdict import Finding


def with_remedies(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return *findings*, each with its code's remedy unless it is mere information."""
    return tuple(map(_remedied, findings))


def _remedied(finding: Finding) -> Finding:
    if finding.severity == "info":
        return finding
    return structs.replace(finding, remedy=CODES[finding.code].remedy)
