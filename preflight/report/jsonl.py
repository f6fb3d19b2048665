"""The format ``jsonl``: the report as JSON Lines, the type of each named by its first key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from preflight.model.report import Report
from preflight.report.contract import (
    SCHEMA,
    binary_json,
    host_json,
    summary_json,
    verdict_json,
)
from preflight.report.encode import encode
from preflight.report.view import View


def render(report: Report, view: View) -> Iterator[str]:
    """Yield one line for the run, for each binary, host and verdict, and for the summary."""
    run = {"schema": SCHEMA, "version": report.version, "started_at": report.started_at}
    yield _line("run", run)
    for needs in report.binaries:
        yield _line("binary", binary_json(needs))
    for snapshot in report.hosts:
        yield _line("host", host_json(snapshot))
    for verdict in report.verdicts:
        yield _line("verdict", verdict_json(verdict, explain=view.explain))
    yield _line(
        "summary", {"elapsed_s": round(report.elapsed_s, 3), "summary": summary_json(report)}
    )


def _line(kind: str, value: dict[str, Any]) -> str:
    return encode({"type": kind, **value}) + "\n"
