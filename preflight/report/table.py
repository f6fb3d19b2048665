"""
The format ``table``: what people read, the good in a line, the bad with what is missing.

First each result with its hosts folded into one row, then why (`details`),
the libraries where they are asked for (`tree`), what an older glibc would win
(`whatif`), the hosts that could not be asked (`unasked`), and a summary with
what to do next (`advice`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from preflight.model.report import Binary, Report
from preflight.report.advice import advice
from preflight.report.contract import described
from preflight.report.details import by_cause, in_full
from preflight.report.groups import (
    GRADES,
    Group,
    by_evidence,
    by_findings,
    by_grade,
    grade,
    group,
    judged,
    total,
)
from preflight.report.labels import Labels
from preflight.report.proofs import proofs
from preflight.report.system import describe
from preflight.report.terminal import columns, shown
from preflight.report.terminal import render as to_text
from preflight.report.tree import trees
from preflight.report.unasked import unasked
from preflight.report.view import View
from preflight.report.whatif import told

_BASELINE = "x86-64"  # the level that every x86-64 CPU has
_WIDE = 60  # columns; in fewer there is no room to describe hosts
_IN_FULL = 10  # results that are told in full; more are turned around


def render(report: Report, view: View) -> Iterator[str]:
    """Yield the sections that have something to say, an empty line between them."""
    labels = Labels.of(report, view)
    separator = ""
    for section in _sections(report, labels):
        if text := to_text(section, view):
            yield separator + text
            separator = "\n"


def _sections(report: Report, labels: Labels) -> Iterator[Iterable[RenderableType]]:
    quiet, verbose = labels.view.verbosity < 0, labels.view.verbosity > 0
    verdicts = [v for v in judged(report) if not quiet or grade(v) in {"blocked", "unknown"}]
    groups = group(verdicts, by_evidence if verbose else by_findings)
    bad = [
        members
        for members in groups
        if members.grade != "deployable" or (verbose and members.sample.findings)
    ]
    bad.sort(key=lambda members: GRADES.index(members.grade), reverse=True)
    in_detail = verbose or len(bad) <= _IN_FULL
    yield _results(groups if in_detail else group(verdicts, by_grade), report, labels)
    yield in_full(bad, labels) if in_detail else by_cause(bad, labels)
    if labels.view.explain:
        yield trees(verdicts, labels)
    yield proofs(report, labels)
    yield _what_if(report, labels)
    yield unasked(report.hosts, labels)
    yield _summary(report, labels)


def _results(groups: list[Group], report: Report, labels: Labels) -> Iterator[RenderableType]:
    """Yield what the one binary is, and a row for each group; nothing where quiet hides all."""
    if len(report.binaries) == 1 and (groups or labels.view.verbosity >= 0):
        yield _headline(described(report.binaries[0]))
    if groups:
        yield _rows(groups, report, labels)


def _rows(groups: list[Group], report: Report, labels: Labels) -> Table:
    """Return the rows; which columns there are depends on what there is to say, and room for it."""
    facts = {snapshot.host: snapshot.facts for snapshot in report.hosts}
    families = {needs.id: needs.libc or "glibc" for needs in report.binaries}
    several = len(report.binaries) > 1
    wide = labels.view.width >= _WIDE
    titles = ("result", "binaries" * several, "hosts", "count", "system" * wide)
    table = columns(*filter(None, titles), right=("count",))
    for members in groups:
        known = [facts[host] for host in members.hosts if host in facts]
        table.add_row(
            labels.result(members.grade),
            *([labels.some_binaries(members.binaries)] * several),
            labels.some_hosts(members.hosts),
            Text(f"{len(members.hosts):,}"),
            *([shown(describe(known, families[members.binaries[0]]), "dim")] * wide),
        )
    return table


def _headline(needs: Binary) -> Text:
    """Say what the one binary is, as the question that the rows answer."""
    line = shown(needs.path, "bold")
    if needs.machine is None:
        return line.append_text(shown(f": {needs.description}"))
    line.append_text(shown(f": {needs.machine} {needs.kind}"))
    if needs.glibc_floor:
        line.append_text(shown(f", needs glibc {needs.glibc_floor.version}"))
    if needs.x86_isa_needed not in {None, _BASELINE}:
        line.append_text(shown(f", needs {needs.x86_isa_needed}"))
    return line


def _what_if(report: Report, labels: Labels) -> Iterator[RenderableType]:
    """Yield what an older glibc would win; nothing where quiet."""
    if labels.view.verbosity >= 0:
        yield from (shown(line) for line in told(report, labels.binaries))


def _summary(report: Report, labels: Labels) -> Iterator[RenderableType]:
    summary, of_what = total(report)
    style = "red" if summary.blocked else "yellow" if summary.unknown else "green"
    counts = f"{summary.deployable:,} deployable, {summary.blocked:,} blocked, "
    counts += f"{summary.unknown:,} unknown"
    dash = "—" if labels.view.unicode else "-"
    how_long = "cut off" if report.cut else f"{report.elapsed_s:.1f} s"
    yield Text.assemble((counts, style), f" {dash} {of_what}, {how_long}")
    if labels.view.verbosity >= 0:
        yield from (Padding(shown(line), (0, 0, 0, 2)) for line in advice(report))
