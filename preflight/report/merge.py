"""
Several reports as one: the shards of a run, a run and what resumed it.

Binaries are the same when path and SHA-256 are.  Of a host that is in several
reports the later result counts, binary by binary; "not-run" is no result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from preflight.errors import ReportError
from preflight.model.report import Binary, GivenStart, Report, Run
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Snapshot
from preflight.model.verdict import Verdict

_Key = tuple[str, str | None]  # path and archive


class Part(Struct, frozen=True):
    """A report and the name of its file."""

    name: str
    report: Report


class Merged(Struct, frozen=True):
    """One report, and what is not in it that should be: one line for people each."""

    report: Report
    gaps: tuple[str, ...]


def merge(parts: Sequence[Part]) -> Merged:
    """
    Return *parts*, one at least, as one; a single one stays as it is.

    Hosts come in the order in which the parts name them first.  Raises
    `ReportError` where two parts are about different builds of a binary.
    """
    by_time = sorted(parts, key=lambda part: part.report.started_at)
    left_out = [part for part in by_time if part.report.missing and not _replaced(part, by_time)]
    missing = [f"{part.name}: {_missing(part.report)}" for part in left_out]
    shards = _Shards(parts)
    gaps = (*missing, *shards.gaps())
    if len(parts) == 1:
        return Merged(parts[0].report, gaps)
    binaries = _Binaries(parts)
    hosts, verdicts = _results(by_time, binaries)
    names = dict.fromkeys(host.host for part in parts for host in part.report.hosts)
    ids = [needs.id for needs in binaries.all]
    expected = len(names) + sum(part.report.missing for part in left_out)
    report = Report(
        version=by_time[-1].report.version,
        started_at=by_time[0].report.started_at,
        elapsed_s=max(part.report.elapsed_s for part in parts),
        binaries=tuple(binaries.all),
        hosts=tuple(hosts[name] for name in names),
        verdicts=tuple(
            verdicts[name, one] for name in names for one in ids if (name, one) in verdicts
        ),
        run=Run(shard=shards.all, hosts_expected=expected, start=_common_start(parts)),
    )
    return Merged(report, gaps)


class _Binaries:
    """The binaries of all parts, with ids of their own."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.all: list[Requirements | Binary] = []
        self._seen: dict[_Key, tuple[str, Requirements | Binary]] = {}
        for part in parts:
            for needs in part.report.binaries:
                self._add(part.name, needs)

    def ids(self, report: Report) -> Mapping[str, str]:
        """Return what the ids of *report* are called here."""
        return {needs.id: self._seen[_key(needs)][1].id for needs in report.binaries}

    def _add(self, name: str, needs: Requirements | Binary) -> None:
        if _key(needs) not in self._seen:
            needs = structs.replace(needs, id=f"b{len(self.all) + 1}")
            self._seen[_key(needs)] = name, needs
            self.all.append(needs)
        first, known = self._seen[_key(needs)]
        if known.sha256 != needs.sha256:
            raise ReportError(
                f"{first} and {name} are about different builds of {needs.path}",
                "give the reports of one build",
            )


class _Shards:
    """Which shards of a run the parts are."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._found: dict[int, set[int]] = {}  # how many there are: which are here
        for part in parts:
            if part.report.run.shard:
                numbers, _, total = part.report.run.shard.partition("/")
                self._found.setdefault(int(total), set()).update(map(int, numbers.split(",")))

    @property
    def all(self) -> str | None:
        """What the parts are together, in the words of a report; None where nothing is missing."""
        incomplete = [total for total in self._found if self._missing(total)]
        if not incomplete:
            return None
        total = max(incomplete)
        return f"{','.join(map(str, sorted(self._found[total])))}/{total}"

    def gaps(self) -> Iterator[str]:
        """Yield a line for the shards that are missing."""
        for total in self._found:
            if missing := self._missing(total):
                noun = "shard" if len(missing) == 1 else "shards"
                yield f"{noun} {', '.join(map(str, missing))} of {total} missing"

    def _missing(self, total: int) -> list[int]:
        return sorted(set(range(1, total + 1)) - self._found[total])


def _results(
    by_time: Iterable[Part], binaries: _Binaries
) -> tuple[dict[str, Snapshot], dict[tuple[str, str], Verdict]]:
    """Return the last result of each host, and of each host and binary."""
    hosts: dict[str, Snapshot] = {}
    verdicts: dict[tuple[str, str], Verdict] = {}
    for part in by_time:
        ids = binaries.ids(part.report)
        passed_over = {
            host.host
            for host in part.report.hosts
            if host.status == "not-run" and host.host in hosts
        }
        hosts |= {h.host: h for h in part.report.hosts if h.host not in passed_over}
        for verdict in part.report.verdicts:
            if verdict.host not in passed_over:
                binary = ids[verdict.binary]
                verdicts[verdict.host, binary] = structs.replace(verdict, binary=binary)
    return hosts, verdicts


def _replaced(part: Part, parts: Iterable[Part]) -> bool:
    """Return whether another part has all that *part* was to have: it resumed it, or repeats it."""
    run = part.report.run
    for other in parts:
        later = other.report.run
        if other is part or (later.hosts_expected or 0) < (run.hosts_expected or 0):
            continue
        if run.id is not None and later.resumed == run.id:
            return True
        if run.shard is not None and later.shard == run.shard and not other.report.missing:
            return True
    return False


def _missing(report: Report) -> str:
    expected = report.run.hosts_expected
    what = (
        f"{report.missing:,} of {expected:,} hosts are missing" if expected else "it is not whole"
    )
    return f"{what} ({report.cut})" if report.cut else what


def _common_start(parts: Sequence[Part]) -> GivenStart | None:
    first = parts[0].report.run.start
    return first if all(part.report.run.start == first for part in parts) else None


def _key(needs: Requirements | Binary) -> _Key:
    return needs.path, needs.member_of
