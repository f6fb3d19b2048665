"""An audit as the page that shows fleets: groups of equal hosts, outliers, drift, the picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from preflight.model.audit import HostAudit
from preflight.model.text import printable
from preflight.report.audit.document import Audit
from preflight.report.audit.fleet import Alike
from preflight.report.audit.rows import ROWS, reason_of
from preflight.report.audit.table import change_line, outlier_line, summary_line
from preflight.report.encode import encode
from preflight.report.html import page
from preflight.report.html.data import named, pictures
from preflight.report.system import describe


def audit_page(found: Audit) -> Iterator[str]:
    """Yield the page."""
    return page(summary_line(found), found.started_at, _document(found))


def _document(found: Audit) -> Iterator[str]:
    head = {"binaries": [], "pictures": list(pictures(found.hosts)), "notes": list(_notes(found))}
    groups = [*map(_group, found.alike), *_not_reached(found.hosts)]
    yield f'{{"head":{encode(head)},"results":[],"groups":['
    yield from (f"{',' if number else ''}\n{encode(one)}" for number, one in enumerate(groups))
    yield "]}"


def _notes(found: Audit) -> Iterator[tuple[str, list[str]]]:
    """Yield titles and lines, those that have any."""
    notes = {"Outliers": [*map(outlier_line, found.outliers)]}
    if found.drift is not None:
        notes["Changed since"] = [*map(change_line, found.drift.changes)]
        notes["New"], notes["Vanished"] = [*found.drift.new], [*found.drift.vanished]
    for title, lines in notes.items():
        if lines:
            yield title, [*map(printable, lines)]


def _group(one: Alike) -> dict[str, Any]:
    first = one.hosts[0]
    rows = [
        (row.title, f"unknown: {reason_of(row, first)}" if value is None else value)
        for row, value in zip(ROWS, one.values, strict=True)
    ]
    return {
        **named([host.host for host in one.hosts]),
        "system": printable(describe([first.facts], "glibc")),
        "results": [],
        "rows": [(title, printable(value)) for title, value in rows],
    }


def _not_reached(hosts: tuple[HostAudit, ...]) -> Iterator[dict[str, Any]]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for host in hosts:
        if host.status != "probed":
            reasons[f"{host.cause or host.status}: {host.reason or ''}"].append(host.host)
    for reason, names in reasons.items():
        yield {**named(names), "system": "", "results": [], "why": printable(reason)}
