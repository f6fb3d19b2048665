"""How far a run is: what is said, how often, and to whom."""

from __future__ import annotations

import re
import time

import pytest

from preflight.api import Outcome
from preflight.cli import progress as progress_module
from preflight.cli.progress import Progress, progress
from tests.builders.report import finding, host, lost_host, verdict


def test_line_tells_rate_rest_and_results(monkeypatch):
    """Hosts a second over the last half minute, what is left, and what came of them."""
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: 100.0)
    counts = Progress(10_000)
    for _ in range(3188):
        counts.advance(Outcome(host("a"), (verdict("a"),)))
    for _ in range(12):
        counts.advance(Outcome(lost_host("b"), ()))
    counts.advance(Outcome(host("c"), (verdict("c"), verdict("c", finding(), number=2))))

    line = counts.describe(115.0)

    expected = (
        "3,201 of 10,000 hosts, 213/s, 32 s left; 3,188 deployable, 12 unreachable, 1 blocked"
    )
    assert expected == line


def test_nothing_is_blocked_where_nothing_is_judged():
    """An audit or a baseline has hosts judged for programs that nobody wrote."""
    counts = Progress(2, judged=False)
    counts.advance(Outcome(host("a"), (verdict("a", finding()),)))
    counts.advance(Outcome(lost_host("b"), ()))

    assert counts.describe(1e9).endswith("; 1 probed, 1 unreachable")


def test_rate_is_that_of_late(monkeypatch):
    """A slow start does not spoil the forecast for ever."""
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: 0.0)
    counts = Progress(1000)
    counts.describe(80.0)
    for _ in range(300):
        counts.advance(Outcome(host("a"), (verdict("a"),)))

    assert "300 of 1,000 hosts, 10/s, 1 min 10 s left; 300 deployable" == counts.describe(110.0)
    assert "0 of 5 hosts" == Progress(5).describe(200.0)


@pytest.mark.parametrize(("style", "is_shown"), [("auto", True), ("plain", True), ("none", False)])
def test_plain_lines_in_a_pipe(capsys, monkeypatch, style, is_shown):
    """A long run in a pipe says one line now and then, and nothing moves."""
    monkeypatch.setattr(progress_module, "_LINE_S", 0.01)

    with progress(2, style) as counts:
        counts.advance(Outcome(host("a"), (verdict("a"),)))
        shown = ""
        deadline = time.monotonic() + (20 if is_shown else 0.2)
        while not shown and time.monotonic() < deadline:
            time.sleep(0.02)
            shown = capsys.readouterr().err

    assert is_shown == bool(shown)
    for line in shown.splitlines():
        assert re.fullmatch(r"preflight: 1 of 2 hosts, [\d.,]+/s, \d+ s left; 1 deployable", line)


def test_short_run_says_nothing(capsys):
    """Who is done within moments needs no progress."""
    with progress(2, "auto") as counts:
        counts.advance(Outcome(host("a"), ()))

    assert "" == capsys.readouterr().err
