"""
How far a run is, on standard error: one line that moves on a terminal, now and then one in a pipe.

A thread of its own writes; a host that is done costs two additions.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Literal

from preflight.api import Outcome
from preflight.cli.voice import interactive, note, status_line, width

Style = Literal["auto", "plain", "none"]
_MOMENT_S = 1.0  # a run that takes no longer shows no moving line
_FRAME_S = 0.2  # between two looks of the moving line
_LINE_S = 10.0  # between two lines in a pipe, at least
_SHARE = 0.1  # of the time so far: the longer the run, the rarer the lines
_WINDOW_S = 30.0  # over which the rate is taken
_WORST_FIRST = ("blocked", "unknown", "deployable")


class Progress:
    """Counts the hosts of a run that are done, by what came of them."""

    def __init__(self, total: int, *, judged: bool = True) -> None:
        self._total = total
        self._judged = judged
        self._done = 0
        self._results: Counter[str] = Counter()
        self._began_s = time.monotonic()
        self._samples = deque([(self._began_s, 0)])

    def advance(self, outcome: Outcome) -> None:
        """Count one host more."""
        self._done += 1
        self._results[self._result(outcome)] += 1

    def describe(self, now_s: float) -> str:
        """Return ``3,200 of 10,000 hosts, 214/s, 32 s left; 3,188 deployable, 12 unreachable``."""
        self._samples.append((now_s, self._done))
        while self._samples[1][0] <= now_s - _WINDOW_S:
            self._samples.popleft()
        since_s, before = self._samples[0]
        parts = [f"{self._done:,} of {self._total:,} hosts"]
        if now_s > since_s and self._done > before:
            rate = (self._done - before) / (now_s - since_s)
            parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
            parts.append(f"{_duration((self._total - self._done) / rate)} left")
        # A copy: the run goes on.
        results = sorted(dict(self._results).items(), key=lambda item: -item[1])
        counts = (f"{number:,} {result}" for result, number in results)
        return "; ".join(filter(None, (", ".join(parts), ", ".join(counts))))

    def _result(self, outcome: Outcome) -> str:
        """Return the status of a host that was not asked, else the worst outcome there."""
        if outcome.snapshot.status != "probed" or not self._judged:
            return outcome.snapshot.status
        outcomes = {verdict.outcome for verdict in outcome.verdicts}
        return next((word for word in _WORST_FIRST if word in outcomes), "probed")


@contextmanager
def progress(total: int, style: Style, *, judged: bool = True) -> Iterator[Progress]:
    """
    Yield the progress of a run of *total* hosts, which is shown meanwhile.

    Where they are not *judged*, what verdicts there are is nobody's matter.
    """
    counts, over = Progress(total, judged=judged), Event()
    moving = style == "auto" and interactive(sys.stderr)
    show = _move if moving else _report
    thread = Thread(target=show, args=(counts, over), name="preflight-progress", daemon=True)
    shown = style != "none" and total > 1
    if shown:
        thread.start()
    try:
        yield counts
    finally:
        over.set()
        if shown:
            thread.join()


def _move(counts: Progress, over: Event) -> None:
    if over.wait(_MOMENT_S):
        return
    while not over.wait(_FRAME_S):
        line = f"preflight: {counts.describe(time.monotonic())}"
        status_line(line[: width(sys.stderr) - 1])
    status_line("")


def _report(counts: Progress, over: Event) -> None:
    began_s = time.monotonic()
    while not over.wait(max(_LINE_S, _SHARE * (time.monotonic() - began_s))):
        note(counts.describe(time.monotonic()))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
