"""Several reports as one: whose result counts, and what is said to be missing."""

from __future__ import annotations

import msgspec
import pytest

from preflight.errors import ReportError
from preflight.model.report import GivenStart, Report, Run
from preflight.report import FORMATS, View
from preflight.report.merge import Part, merge
from tests.builders.report import binary, finding, host, lost_host, report, verdict


def part(name: str, given: Report, *, hour: int = 3, cut: str | None = None, **run: object) -> Part:
    """Return a report that began at *hour*."""
    begun = f"2026-01-02T{hour:02}:00:00Z"
    given = msgspec.structs.replace(given, started_at=begun, run=Run(**run), cut=cut)
    return Part(name, given)


def outcomes(given: Report) -> dict[str, str]:
    """Return the outcome of each host and binary."""
    return {f"{one.host} {one.binary}": one.outcome for one in given.verdicts}


def test_one_report_stays_as_it_is():
    """Reading one report and showing it changes nothing."""
    only = part("a", report([verdict("a")]), id="x", hosts_expected=1)

    assert only.report is merge([only]).report
    assert () == merge([only]).gaps


def test_hosts_of_all_reports_in_their_order():
    """Hosts come as the files have them, one file after the other."""
    merged = merge(
        [
            part("x", report([verdict("b"), verdict("a")]), hour=5),
            part("y", report([verdict("c", finding())]), hour=3),
        ]
    ).report

    assert ["b", "a", "c"] == [snapshot.host for snapshot in merged.hosts]
    assert ["b", "a", "c"] == [one.host for one in merged.verdicts]
    assert "2026-01-02T03:00:00Z" == merged.started_at
    assert merged.summary.blocked == 1


@pytest.mark.parametrize("turned", [False, True])
def test_later_result_counts(turned):
    """Of a host in two reports the later run is believed, in whatever order they are given."""
    parts = [
        part("early", report([verdict("a", finding())]), hour=3),
        part("late", report([verdict("a")]), hour=4),
    ]

    merged = merge(parts[::-1] if turned else parts).report

    assert {"a b1": "deployable"} == outcomes(merged)


def test_host_that_was_not_run_says_nothing():
    """A later run that was stopped before it came to a host does not take its result away."""
    not_run = lost_host("a", status="not-run", cause="interrupted")
    late = report([verdict("a", finding(severity="unknown")), verdict("b")])
    late = msgspec.structs.replace(late, hosts=(not_run, host("b")))

    merged = merge([part("x", report([verdict("a")])), part("y", late, hour=4)]).report

    assert {"a b1": "deployable", "b b1": "deployable"} == outcomes(merged)
    assert "probed" == merged.hosts[0].status


def test_binaries_are_matched_by_path_and_content():
    """The same program has one id, whatever it was called in each report."""
    one = report([verdict("a")], binaries=[binary("app")])
    two = report(
        [verdict("b", number=1), verdict("b", number=2)],
        binaries=[binary("tool", sha256="cd" * 32), binary("app", number=2)],
    )

    merged = merge([part("x", one), part("y", two)]).report

    assert ["b1 ./app", "b2 ./tool"] == [f"{needs.id} {needs.path}" for needs in merged.binaries]
    assert ["a b1", "b b1", "b b2"] == list(outcomes(merged))


def test_two_builds_of_one_binary_are_an_error():
    """Nobody can say which of two builds a merged verdict would be about."""
    other = report([verdict("b")], binaries=[binary(sha256="cd" * 32)])

    with pytest.raises(ReportError, match=r"x and y are about different builds of \./app"):
        merge([part("x", report([verdict("a")])), part("y", other)])


def test_missing_hosts_are_told():
    """A run that was cut off has hosts missing, and the merged report still knows how many."""
    cut = part("x", report([verdict("a")]), cut="x:5: the file ends early", hosts_expected=7)

    alone, merged = merge([cut]), merge([cut, part("y", report([verdict("b")]))])

    assert ("x: 6 of 7 hosts are missing (x:5: the file ends early)",) == alone.gaps
    assert alone.gaps == merged.gaps
    assert 6 == merged.report.missing


def test_unknown_number_of_missing_hosts_is_one_at_least():
    """A report that does not say how many there were is not whole either."""
    cut = part("x", report([verdict("a")]), cut="x:5: the file ends early")

    assert ("x: it is not whole (x:5: the file ends early)",) == merge([cut]).gaps
    assert 1 == cut.report.missing


def test_resumed_run_makes_up_for_the_one_that_was_cut_off():
    """Nothing is missing where a later file has it all; it says what it resumed."""
    cut = part("x", report([verdict("a")]), cut="x:5: early", id="r1", hosts_expected=2)
    whole = part(
        "y", report([verdict("a"), verdict("b")]), hour=4, id="r2", resumed="r1", hosts_expected=2
    )
    smaller = part("z", report([verdict("a")]), hour=4, resumed="r1", hosts_expected=1)

    assert () == merge([cut, whole]).gaps
    assert 0 == merge([cut, whole]).report.missing
    assert ("x: 1 of 2 hosts are missing (x:5: early)",) == merge([cut, smaller]).gaps


def test_shard_that_ran_again_makes_up_for_the_one_that_was_cut_off():
    """The second try of a CI job is as good as a resumed run."""
    cut = part("x", report([]), cut="x:2: early", shard="1/1", hosts_expected=1)
    again = part("y", report([verdict("a")]), hour=4, shard="1/1", hosts_expected=1)

    assert () == merge([cut, again]).gaps


def test_missing_shards_are_told():
    """Two of three shards are no whole run, and stay none when they are merged once more."""
    first, third, second = (
        part(f"{number}.jsonl", report([verdict(f"h{number}")]), shard=f"{number}/3")
        for number in (1, 3, 2)
    )

    two = merge([first, third])
    three = merge([Part("two.jsonl", two.report), second])

    assert ("shard 2 of 3 missing", "1,3/3") == (two.gaps[0], two.report.run.shard)
    assert ("shards 2, 3 of 3 missing",) == merge([first]).gaps
    assert ((), None) == (three.gaps, three.report.run.shard)


def test_common_start_is_kept():
    """What all runs were told of the start stands in the merged report too."""
    start = GivenStart(install_path="/opt/app")
    one, two = (part(name, report([verdict(name)]), start=start) for name in "xy")
    other = part("z", report([verdict("z")]), start=GivenStart())

    assert start == merge([one, two]).report.run.start
    assert merge([one, other]).report.run.start is None


def test_merged_report_renders_in_every_format():
    """A host that one report has no verdict on for a binary is in no list of ready hosts."""
    two = report([verdict("b")], binaries=[binary("tool", sha256="cd" * 32)])

    merged = merge([part("x", report([verdict("a")])), part("y", two)]).report

    for name in ("table", "json", "jsonl"):
        assert "".join(FORMATS[name](merged, View()))
    assert [] == list(FORMATS["names"](merged, View()))
