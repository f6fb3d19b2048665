"""What the page shows of a report: each result and each kind of host once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from preflight.model.audit import HostAudit
from preflight.model.nodeset import fold
from preflight.model.report import Binary, Report
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Facts, Snapshot
from preflight.model.text import printable
from preflight.model.verdict import Finding, Library, Verdict
from preflight.report.causes import verdicts_of_shipped
from preflight.report.contract import described
from preflight.report.encode import encode
from preflight.report.groups import grade
from preflight.report.system import describe
from preflight.report.told import mends, waiver

_LABEL = 80  # characters of a group's folded names
_KINDS = 12  # bars of one picture
NO_RESULT = -1  # of a host that a cut-off run did not judge


def head(report: Report) -> dict[str, Any]:
    """Return what is said once: the run, the binaries and the picture of the fleet."""
    return {
        "version": report.version,
        "started": report.started_at,
        "elapsed": round(report.elapsed_s, 1),
        "binaries": list(_binaries(_shipped(report))),
        "pictures": list(pictures(report.hosts)),
    }


def groups(report: Report, *, explain: bool) -> tuple[list[str], list[dict[str, Any]]]:
    """
    Return the JSON texts of the results, and the groups of hosts that refer to them by number.

    Hosts are one group where the same is known of them and every binary has the same result.
    """
    results = _Results(explain=explain)
    columns = {needs.id: column for column, needs in enumerate(_shipped(report))}
    rows: dict[str, list[int]] = defaultdict(lambda: [NO_RESULT] * len(columns))
    for verdict in verdicts_of_shipped(report):
        rows[verdict.host][columns[verdict.binary]] = results.number(verdict)
    systems = _Systems()
    alike: dict[tuple[object, ...], list[Snapshot]] = defaultdict(list)
    for snapshot in report.hosts:
        key = (systems.of(snapshot), snapshot.status, snapshot.cause, *rows[snapshot.host])
        alike[key].append(snapshot)
    found = [
        _group(members, systems.of(members[0]), rows[members[0].host]) for members in alike.values()
    ]
    return results.texts, sorted(found, key=lambda group: -len(group["hosts"]))


def named(hosts: Iterable[str]) -> dict[str, Any]:
    """Return the names of a group of hosts, and what it is called."""
    names = [*map(printable, hosts)]
    label = ", ".join(fold(names))
    cut = label if len(label) <= _LABEL else f"{label[:_LABEL].rpartition(',')[0]}, …"
    return {"label": cut, "hosts": names}


def pictures(hosts: Iterable[Snapshot | HostAudit]) -> Iterator[dict[str, Any]]:
    """Yield how many hosts have what, of each thing that a fleet differs in."""
    known = [snapshot.facts for snapshot in hosts if snapshot.status == "probed"]
    for title, values in (
        ("Release", [facts.os for facts in known]),
        ("C library", [_libcs(facts) for facts in known]),
        ("Machine", [facts.machine for facts in known]),
        ("CPU level", [facts.cpu_level for facts in known]),
        ("Kernel", [facts.kernel for facts in known]),
    ):
        counted = Counter(printable(value or "unknown") for value in values)
        bars = counted.most_common(_KINDS)
        if left := len(counted) - len(bars):
            bars.append((f"{left} more", counted.total() - sum(number for _, number in bars)))
        if bars:
            yield {"title": title, "bars": bars}


def _shipped(report: Report) -> list[Requirements | Binary]:
    return [needs for needs in report.binaries if needs.member_of is None]


def _binaries(shipped: list[Requirements | Binary]) -> Iterator[dict[str, str]]:
    """Yield what is said of each; its name is the last part of the path where that is its own."""
    uses = Counter(needs.name for needs in shipped)
    for needs in shipped:
        said = described(needs)
        about = said.description
        if said.glibc_floor:
            about += f", needs glibc {said.glibc_floor.version}"
        name = needs.name if uses[needs.name] == 1 else needs.path
        texts = {"name": name, "path": needs.path, "about": about, "sha256": needs.sha256}
        yield {key: printable(text) for key, text in texts.items()}


def _libcs(facts: Facts) -> str:
    return ", ".join(dict.fromkeys(f"{libc.family} {libc.version}" for libc in facts.libcs))


def _group(members: list[Snapshot], system: str, row: list[int]) -> dict[str, Any]:
    first = members[0]
    value: dict[str, Any] = {
        **named([snapshot.host for snapshot in members]),
        "system": system,
        "results": row,
    }
    if first.status != "probed":
        value["why"] = printable(f"{first.cause or first.status}: {first.reason or ''}")
    return value


class _Systems:
    """What hosts are, in a line; hosts that share their facts are described once."""

    def __init__(self) -> None:
        self._texts: dict[int, tuple[str, Facts]] = {}

    def of(self, snapshot: Snapshot) -> str:
        """Return that line of one host."""
        facts = snapshot.facts
        known = self._texts.get(id(facts))
        if known is None:  # the facts are kept, or their id comes again
            known = self._texts[id(facts)] = printable(describe([facts], "glibc")), facts
        return known[0]


class _Results:
    """The different results of a report, as JSON texts."""

    def __init__(self, *, explain: bool) -> None:
        self.texts: list[str] = []
        self._explain = explain
        self._numbers: dict[str, int] = {}
        self._seen: dict[tuple[object, ...], int] = {}

    def number(self, verdict: Verdict) -> int:
        """Return which result this is."""
        key = (id(verdict.findings), id(verdict.libraries), verdict.path, verdict.predicted_error)
        if key not in self._seen:
            text = encode(_result(verdict, explain=self._explain))
            number = self._numbers.setdefault(text, len(self.texts))
            if number == len(self.texts):
                self.texts.append(text)
            self._seen[key] = number
        return self._seen[key]


def _result(verdict: Verdict, *, explain: bool) -> dict[str, Any]:
    value: dict[str, Any] = {
        "grade": grade(verdict),
        "findings": [_finding(finding) for finding in verdict.findings],
    }
    if verdict.predicted_error is not None:
        value["says"] = printable(verdict.predicted_error)
    if explain and verdict.libraries:
        value["libraries"] = [_library(library) for library in verdict.libraries]
    return value


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": printable(finding.code),
        "severity": finding.counts_as,
        "message": printable(finding.message),
        "needed_by": printable(finding.needed_by or ""),
        "evidence": [*map(printable, finding.evidence)],
        "mends": list(mends(finding)),
    } | ({"waived": waiver(finding.waived)} if finding.waived else {})


def _library(library: Library) -> list[str]:
    """Return name, path or why there is none, rule, and what needs it."""
    where = library.path or "not found"
    parts = (library.name, where, library.rule or "", ", ".join(library.needed_by))
    return [*map(printable, parts)]
