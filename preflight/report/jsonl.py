"""
The format ``jsonl``: the report as JSON Lines, the type of each named by its first key.

`Lines` writes them while the run goes on, which is what a run file holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from preflight.model.report import Report, Summary
from preflight.model.snapshot import Snapshot
from preflight.model.verdict import Verdict
from preflight.report.contract import SCHEMA, binary_json, run_json, summary_json
from preflight.report.elements import Elements
from preflight.report.encode import encode
from preflight.report.view import View


def render(report: Report, view: View) -> Iterator[str]:
    """Yield the lines, the verdicts on a host after it; the last one only of a whole run."""
    lines = Lines(explain=view.explain)
    yield from lines.begin(report)
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in report.verdicts:
        verdicts[verdict.host].append(verdict)
    for snapshot in report.hosts:
        yield from lines.host(snapshot, verdicts.pop(snapshot.host, ()))
    if not report.cut:
        yield lines.end(report.elapsed_s)


class Lines:
    """The lines of one run, as its hosts are done."""

    def __init__(self, *, explain: bool) -> None:
        self._elements = Elements(explain=explain)
        self._outcomes: Counter[str] = Counter()

    def begin(self, report: Report) -> Iterator[str]:
        """Yield the lines of the run and its binaries; the hosts in *report* do not count."""
        run = {"schema": SCHEMA, "version": report.version, "started_at": report.started_at}
        yield _line("run", run | run_json(report.run))
        for needs in report.binaries:
            yield _line("binary", binary_json(needs))

    def host(self, snapshot: Snapshot, verdicts: Iterable[Verdict]) -> Iterator[str]:
        """Yield the lines of one host and the verdicts on it."""
        yield f'{{"type":"host",{self._elements.host(snapshot)[1:]}\n'
        for verdict in verdicts:
            self._outcomes[verdict.outcome] += 1
            yield f'{{"type":"verdict",{self._elements.verdict(verdict)[1:]}\n'

    def end(self, elapsed_s: float) -> str:
        """Return the last line, which says that the report is whole."""
        count = self._outcomes
        summary = Summary(count["deployable"], count["blocked"], count["unknown"])
        value = {"elapsed_s": round(elapsed_s, 3), "summary": summary_json(summary)}
        return _line("summary", value)


def _line(kind: str, value: dict[str, Any]) -> str:
    return encode({"type": kind, **value}) + "\n"
