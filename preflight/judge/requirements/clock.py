"""
``clock: {offset: 2s}``: is the host's clock as right as this machine's?

The host tells its time between two moments of ours, so that the offset is known to within their
distance; where that decides, it is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.requirements.kind import Kind, unmet, unsure
from preflight.model.form import Record, Text
from preflight.model.need import Need
from preflight.model.question import NotAsked, Said
from preflight.model.verdict import Finding

CODE = "requirement-clock"
DURATION = Text(r"[0-9]{1,6}(?:\.[0-9]{1,3})? ?(?:ms|s|m|min|h)", "a duration", "2s")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d{9,11})(?:\.(\d{1,9}))?")


def check(need: Need, case: Case) -> Iterator[Finding]:
    """The clock is not further off."""
    answer = case.inquiry.said("clock")
    if isinstance(answer, NotAsked):
        return
    offset = parse(answer.text) if isinstance(answer, Said) else None
    if offset is None:
        yield unsure(CODE, need, "the host's clock is not known: date does not tell it")
        return
    least, most = offset
    allowed = seconds(need.value)
    if -allowed <= least and most <= allowed:
        return
    nearest = 0.0 if least <= 0 <= most else min(abs(least), abs(most))
    if nearest > allowed:
        word = "behind" if most < 0 else "ahead"
        message = f"the clock is {nearest:.1f} s {word}, and {need.value} are allowed"
        yield unmet(CODE, need, message)
    else:
        message = f"the clock is between {least:+.1f} s and {most:+.1f} s off: the answer was slow"
        yield unsure(CODE, need, message)


def parse(said: str) -> tuple[float, float] | None:
    """Return the least and the most that the host's clock is ahead, in seconds."""
    lines = said.splitlines()
    found = _TIME.match(lines[0]) if len(lines) == 3 else None
    if found is None:
        return None
    host, slack = float(f"{found[1]}.{found[2] or 0}"), 0.0 if found[2] else 1.0
    return host - float(lines[2]), host + slack - float(lines[1])


def seconds(text: str) -> float:
    """Return the seconds of ``500ms``, ``2s``, ``1m``."""
    unit = text.lstrip("0123456789. ")
    return float(text.removesuffix(unit)) * _SECONDS[unit]


KIND = Kind(Record({"offset": DURATION}), check)
