"""The hosts that could not be asked, put together by status and cause, each with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.text import Text

from preflight.model.snapshot import Snapshot
from preflight.report.labels import Labels
from preflight.report.terminal import labelled, shown

_REASONS = 3  # shown of each cause, unless all are wanted


def unasked(hosts: Iterable[Snapshot], labels: Labels) -> Iterator[RenderableType]:
    """Yield one block for each cause; hosts with the same reason share a line."""
    causes: dict[tuple[str, str | None], list[Snapshot]] = defaultdict(list)
    for snapshot in hosts:
        if snapshot.status != "probed":
            causes[snapshot.status, snapshot.cause].append(snapshot)
    for (status, cause), members in causes.items():
        title = labels.symbol("unknown").append(" ").append_text(shown(status))
        if cause:
            title.append_text(shown(f" ({cause})"))
        title.append(": ").append_text(labels.some_hosts([host.host for host in members]))
        title.overflow = "fold"
        yield title
        yield labelled(_reasons(members, labels), indent=2)


def _reasons(members: Iterable[Snapshot], labels: Labels) -> Iterator[tuple[str, Text]]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for snapshot in members:
        if snapshot.reason:
            reasons[snapshot.reason].append(snapshot.host)
    limit = len(reasons) if labels.view.verbosity > 0 else _REASONS
    for reason, hosts in list(reasons.items())[:limit]:
        line = Text() if len(reasons) == 1 else labels.some_hosts(hosts).append(": ")
        yield "", line.append_text(shown(reason))
    if len(reasons) > limit:
        yield "", Text(f"and {len(reasons) - limit} more (-v)", style="dim")
