"""
The format ``prometheus``: for node_exporter's text-file collector.

Source: Prometheus, "Exposition formats" (text-based format, version 0.0.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from preflight.model.report import Report
from preflight.model.text import printable
from preflight.model.verdict import Outcome
from preflight.report.causes import causes, verdicts_of_shipped
from preflight.report.view import View

_OUTCOMES: tuple[Outcome, ...] = ("deployable", "blocked", "unknown")


def render(report: Report, view: View) -> Iterator[str]:  # noqa: ARG001 - a Format
    """Yield the families: one sample per verdict, sums per binary, hosts by status, the run."""
    paths = {needs.id: needs.path for needs in report.binaries}
    verdicts = verdicts_of_shipped(report)
    yield from _head("preflight_verdict", "Outcome of one binary on one host; always 1.")
    binaries = {number: _label("binary", path) for number, path in paths.items()}
    for verdict in verdicts:
        host = _label("host", verdict.host)
        yield (
            f"preflight_verdict{{{host},{binaries[verdict.binary]},"
            f'outcome="{verdict.outcome}"}} 1\n'
        )
    yield from _head("preflight_verdicts", "Hosts by the outcome of a binary.")
    sums = Counter((verdict.binary, verdict.outcome) for verdict in verdicts)
    shipped = [needs for needs in report.binaries if needs.member_of is None]
    for needs in shipped:
        for outcome in _OUTCOMES:
            labels = f'{binaries[needs.id]},outcome="{outcome}"'
            yield f"preflight_verdicts{{{labels}}} {sums[needs.id, outcome]}\n"
    yield from _findings(report, binaries)
    yield from _run(report)


def _findings(report: Report, binaries: dict[str, str]) -> Iterator[str]:
    yield from _head("preflight_findings", "Hosts on which a binary has findings of a code.")
    hosts: dict[tuple[str, str, str], set[str]] = {}
    for cause in causes(report):
        key = (cause.binary, cause.finding.code, cause.finding.counts_as)
        hosts.setdefault(key, set()).update(cause.hosts)
    for (binary, code, severity), names in hosts.items():
        labels = f'{binaries[binary]},{_label("code", code)},severity="{severity}"'
        yield f"preflight_findings{{{labels}}} {len(names)}\n"


def _run(report: Report) -> Iterator[str]:
    yield from _head("preflight_hosts", "Hosts by whether they could be asked.")
    for status, number in sorted(Counter(host.status for host in report.hosts).items()):
        yield f'preflight_hosts{{status="{status}"}} {number}\n'
    began = datetime.fromisoformat(report.started_at).timestamp()
    yield from _value("preflight_run_start_time_seconds", "When the run began.", f"{began:.0f}")
    yield from _value(
        "preflight_run_duration_seconds", "How long the run took.", f"{report.elapsed_s:.3f}"
    )
    yield from _value(
        "preflight_run_complete",
        "1 where the run asked every host, 0 where it was cut off.",
        str(int(not report.missing and report.cut is None)),
    )


def _value(name: str, text: str, value: str) -> Iterable[str]:
    return (*_head(name, text), f"{name} {value}\n")


def _head(name: str, text: str) -> Iterable[str]:
    return f"# HELP {name} {text}\n", f"# TYPE {name} gauge\n"


def _label(name: str, value: str) -> str:
    quoted = printable(value).replace("\\", r"\\").replace('"', r"\"")
    return f'{name}="{quoted}"'
