"""One line for each thing of a report."""

from __future__ import annotations

import json

from preflight.report import View
from preflight.report.jsonl import render
from tests.builders.report import missing_library, report, verdict


def test_lines_come_in_the_order_of_the_run():
    """The run, then what was shipped, each host with what came of it, and the sum."""
    given = report([verdict("a"), verdict("b")])

    lines = [json.loads(line) for line in render(given, View())]

    kinds = ["run", "binary", "host", "verdict", "host", "verdict", "summary"]
    assert kinds == [line["type"] for line in lines]
    assert lines[0] == {
        "type": "run",
        "schema": "preflight.report/1",
        "version": "0.1.0",
        "started_at": "2026-01-02T03:04:05Z",
    }
    total = {"deployable": 2, "blocked": 0, "unknown": 0}
    assert {"type": "summary", "elapsed_s": 1.94, "summary": total} == lines[-1]


def test_every_piece_is_one_line():
    """A line break in a name is escaped; what is yielded is whole lines."""
    pieces = list(render(report([verdict("a\nb")]), View()))

    assert all(piece.count("\n") == 1 and piece.endswith("\n") for piece in pieces)


def test_libraries_are_told_on_demand():
    """Without --explain a fleet's lines stay short."""
    given = report([verdict("a", libraries=(missing_library(),))])

    assert "libraries" not in "".join(render(given, View()))
    assert "libraries" in "".join(render(given, View(explain=True)))
