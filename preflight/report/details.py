"""
Why a program will not start, or may not: the findings of each result.

A few results are told in full.  Many (100 programs on 13 systems) are turned
around: each thing missing once, with the programs and hosts that miss it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from preflight.model.verdict import Finding, Remedy, Verdict
from preflight.report.groups import Group, by_grade, group
from preflight.report.labels import Labels
from preflight.report.terminal import columns, count, labelled, shown

_EVIDENCE_LINES = 3  # shown of each finding, unless all are wanted
_FIX_CHARACTERS = 60  # of a command; a longer one waits for -v
_SUBJECTS = 100  # shown of each code
_SEVERITIES = ("error", "unknown", "warning")


def in_full(groups: Sequence[Group], labels: Labels) -> Iterator[RenderableType]:
    """Yield one block for each group: its findings, and what the host itself would say."""
    for number, members in enumerate(groups):
        if number:
            yield Text()
        yield _title(members, labels)
        for finding in members.sample.findings:
            if finding.severity != "info" or labels.view.verbosity > 0:
                yield from _finding(finding, members, labels)
        if members.sample.predicted_error is not None:
            yield _predicted(members, members.sample.predicted_error, labels)


def by_cause(groups: Sequence[Group], labels: Labels) -> Iterator[RenderableType]:
    """Yield one list for each code: what is missing, to which programs, on which hosts."""
    for number, ((_, code), subjects) in enumerate(_causes(groups)):
        if number:
            yield Text()
        verdicts = {(v.binary, v.host) for members in subjects.values() for v in members}
        yield Text.assemble(shown(code, "bold"), (f"  {count(len(verdicts), 'verdict')}", "dim"))
        yield Padding(_subjects(subjects, labels), (0, 0, 0, 2))
        if len(subjects) > _SUBJECTS:
            yield Text(f"  and {len(subjects) - _SUBJECTS:,} more", style="dim")
    yield Text()
    yield Text("every finding in full: -v", style="dim")


def _title(members: Group, labels: Labels) -> Text:
    title = labels.symbol(members.grade).append(" ")
    title.append_text(labels.some_binaries(members.binaries)).append(" on ")
    title.append_text(labels.some_hosts(members.hosts))
    title.overflow = "fold"
    return title


def _finding(finding: Finding, members: Group, labels: Labels) -> Iterator[RenderableType]:
    message = Text.assemble(
        shown(f"{finding.code}: ", "bold"), shown(finding.message), overflow="fold"
    )
    yield Padding(message, (0, 0, 0, 2))
    rows: list[tuple[str, Text]] = []
    if finding.waived:
        until = f"until {finding.waived.expires}: {finding.waived.reason}"
        rows.append(("waived", shown(until, "yellow")))
    if finding.needed_by and finding.needed_by not in finding.message:
        rows.append(("needed by", shown(finding.needed_by)))
    evidence = () if _in_tree(finding, members, labels) else _evidence(finding, members, labels)
    rows += [("" if number else "evidence", line) for number, line in enumerate(evidence)]
    if finding.remedy and labels.view.verbosity > 0:
        rows.append(("remedy", shown(finding.remedy, "cyan")))
        rows += [(r.where, _remedy(r)) for r in finding.remedies]
    else:
        mending = enumerate(_sure(finding, members, labels))
        rows += [("" if number else "to mend", line) for number, line in mending]
        if fix := _fix(finding, members):
            rows.append(("fix", shown(fix, "cyan")))
    if rows:
        yield labelled(rows, indent=4)


def _fix(finding: Finding, members: Group) -> str | None:
    """Return the best change of the build that is short, and mends an error on all these hosts."""
    if finding.severity != "error":
        return None
    alike = (f for verdict in members.verdicts for f in verdict.findings if _alike(f, finding))
    others = [set(_changes(other)) for other in alike]
    fits = (change for change in _changes(finding) if len(change) <= _FIX_CHARACTERS)
    return next((change for change in fits if all(change in other for other in others)), None)


def _changes(finding: Finding) -> list[str]:
    return [r.command or r.text for r in finding.remedies if r.where == "build"]


def _sure(finding: Finding, members: Group, labels: Labels) -> Iterator[Text]:
    """Yield what mends it by the word of the hosts' own package managers, in their order."""
    hosts: dict[str, dict[str, None]] = defaultdict(dict)
    for verdict in members.verdicts:
        for found in (one for one in verdict.findings if _alike(one, finding)):
            remedy = next((r for r in found.remedies if r.satisfies and r.command), None)
            hosts[_typed(remedy) if remedy else ""][verdict.host] = None
    for line, names in [*hosts.items()][: _EVIDENCE_LINES + 1]:
        if line:
            where = Text() if len(hosts) == 1 else labels.some_hosts(tuple(names)).append(": ")
            yield where.append_text(shown(line, "cyan"))


def _typed(remedy: Remedy) -> str:
    return f"{remedy.command}  (candidate {remedy.candidate}, by the host's {remedy.source})"


def _remedy(remedy: Remedy) -> Text:
    return shown(f"{remedy.text}: {remedy.command}" if remedy.command else remedy.text, "cyan")


def _in_tree(finding: Finding, members: Group, labels: Labels) -> bool:
    """Return whether the tree of libraries shows where this one was looked for."""
    missed = (library.name for library in members.sample.libraries if library.path is None)
    return labels.view.explain and finding.subject in missed


def _evidence(finding: Finding, members: Group, labels: Labels) -> Iterator[Text]:
    """Yield the evidence, cut short unless verbose; named the first host's where others differ."""
    lines = finding.evidence
    alike = (f for verdict in members.verdicts for f in verdict.findings if _alike(f, finding))
    if len({other.evidence for other in alike}) > 1:
        yield shown(f"of {labels.binaries[members.binaries[0]]} on {members.hosts[0]}:", "dim")
    whole = labels.view.verbosity > 0 or len(lines) <= _EVIDENCE_LINES + 1
    yield from map(shown, lines if whole else lines[:_EVIDENCE_LINES])
    if not whole:
        yield Text(f"and {len(lines) - _EVIDENCE_LINES} more lines (-v)", style="dim")


def _alike(one: Finding, other: Finding) -> bool:
    return (one.code, one.subject, one.message) == (other.code, other.subject, other.message)


def _predicted(members: Group, error: str, labels: Labels) -> Padding:
    who = "the host"
    if len({verdict.predicted_error for verdict in members.verdicts}) > 1:
        who = f"{members.hosts[0]}, of {labels.binaries[members.binaries[0]]},"
    line = Text.assemble(shown(who, "dim"), (" would say: ", "dim"), shown(error), overflow="fold")
    return Padding(line, (0, 0, 0, 2))


_Subjects = dict[str, list[Verdict]]


def _causes(groups: Iterable[Group]) -> list[tuple[tuple[str, str], _Subjects]]:
    """Return severity and code, subject, and the verdicts with that finding; the worst first."""
    causes: dict[tuple[str, str], _Subjects] = defaultdict(lambda: defaultdict(list))
    for verdict in (verdict for members in groups for verdict in members.verdicts):
        for finding in verdict.findings:
            if finding.waived:
                causes["warning", f"{finding.code} (waived)"][finding.subject].append(verdict)
            elif finding.severity in _SEVERITIES:
                causes[finding.severity, finding.code][finding.subject].append(verdict)
    order = {severity: rank for rank, severity in enumerate(_SEVERITIES)}
    return sorted(causes.items(), key=lambda item: (order[item[0][0]], -_size(item[1])))


def _size(subjects: _Subjects) -> int:
    return sum(map(len, subjects.values()))


def _subjects(subjects: _Subjects, labels: Labels) -> Table:
    several = len(labels.binaries) > 1
    table = columns("subject", *(("binaries",) if several else ()), "hosts")
    widest = sorted(subjects.items(), key=lambda item: -len(item[1]))
    for subject, verdicts in widest[:_SUBJECTS]:
        for members in group(dict.fromkeys(verdicts), by_grade):
            cells = [shown(subject), labels.some_binaries(members.binaries)]
            table.add_row(*cells[: 1 + several], labels.some_hosts(members.hosts))
    return table
