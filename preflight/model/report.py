"""The whole of one run: what the reports render."""

from __future__ import annotations

from msgspec import Struct

from preflight.model.requirements import Requirements
from preflight.model.snapshot import Snapshot
from preflight.model.verdict import Verdict


class Summary(Struct, frozen=True):
    """How many verdicts of each outcome."""

    deployable: int
    blocked: int
    unknown: int


class Report(Struct, frozen=True, kw_only=True):
    """Binaries, hosts and one verdict for each pair of them, hosts in the inventory's order."""

    version: str
    started_at: str  # RFC 3339, UTC, "…Z"
    elapsed_s: float
    binaries: tuple[Requirements, ...]
    hosts: tuple[Snapshot, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def summary(self) -> Summary:
        """Count the verdicts."""
        outcomes = [verdict.outcome for verdict in self.verdicts]
        return Summary(
            outcomes.count("deployable"), outcomes.count("blocked"), outcomes.count("unknown")
        )
