"""Writes docs/hostile-hosts.md from a run with the default limits; about a minute, as root."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import preflight
from preflight.transport import Options as ConnectOptions
from tests.hostile.cases import CASES, Case
from tests.hostile.run import GOOD, Run, ask, playing

PAGE = Path(__file__).parents[2] / "docs/hostile-hosts.md"
_SHOWN_CHARS = 90
_PLACES = re.compile(r"/tmp/preflight-hostile-\w+/|SHA256:\S+")
HEAD = """\
# Hostile hosts

Made by `python -m tests.hostile`: {number} hosts that hang, lie, drop and flood, and {good} good
ones among them, asked in one run with the default limits (connect 10 s, answer 30 s, host 60 s, two
retries), all on one machine. Seconds count from the beginning of the run, in which all hosts are
asked at once.

**All {good} good hosts were probed, the last one after {last:.1f} s.** The run took
{elapsed:.1f} s, and the process grew by {memory} MB at its peak.

| the host … | status | cause | s | reason |
| --- | --- | --- | ---: | --- |
"""


def main() -> None:
    """Play, ask, and write the page."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        with playing() as hosts:
            connect = ConnectOptions(use_agent=False)
            run = ask(hosts, preflight.Options(connect=connect))
    PAGE.write_text(page(run), "utf-8")


def page(run: Run) -> str:
    """Return the page for what became of a run."""
    head = HEAD.format(
        number=sum(case.number for case in CASES),
        good=GOOD,
        last=max(one.seconds for one in run.good()),
        elapsed=run.elapsed_s,
        memory=run.memory_bytes >> 20,
    )
    return head + "".join(row for case in CASES for row in _rows(run, case))


def _rows(run: Run, case: Case) -> list[str]:
    """Return one line for each way in which hosts of *case* ended."""
    rows: dict[tuple[str, str | None], list[float]] = {}
    reasons = {}
    for result in run.of(case):
        key = (result.snapshot.status, result.snapshot.cause)
        rows.setdefault(key, []).append(result.seconds)
        reasons[key] = _shown(result.snapshot.reason or "")
    lines = []
    for (status, cause), seconds in rows.items():
        many = f" ({len(seconds)} of {case.number})" if case.number > 1 else ""
        words = (f"{case.does}{many}", status, cause or "", f"{max(seconds):.1f}")
        lines.append(f"| {' | '.join(words)} | {reasons[status, cause]} |\n")
    return lines


def _shown(reason: str) -> str:
    short = _PLACES.sub("…", reason).replace("|", "\\|")
    cut = short if len(short) <= _SHOWN_CHARS else f"{short[:_SHOWN_CHARS]}…"
    return f"`{cut}`" if cut else ""


if __name__ == "__main__":
    main()
