"""A report that was written and read again is the same report, and damage has its place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preflight.errors import ReportError
from preflight.model.proof import Proof
from preflight.model.report import GivenStart, Report, Run
from preflight.model.text import decode
from preflight.report import FORMATS, View
from preflight.report.read import read_report
from tests.builders.report import (
    binary,
    elf,
    facts,
    finding,
    host,
    lost_host,
    missing_library,
    not_probed,
    report,
    verdict,
)
from tests.report.test_hostile_text import HOSTILE, poisoned_report

VIEWS = [View(explain=True, verbosity=1), View(), View(width=50, unicode=False, verbosity=-1)]
RUN = Run(
    id="20261125T223105Z-1a2b",
    shard="2/5",
    resumed="20261125T213105Z-0000",
    hosts_expected=3,
    start=GivenStart(install_path="/opt/\udcff/app", env={"LD_LIBRARY_PATH": "/opt\\lib"}),
)


def lines_of(given: Report, name: str = "jsonl", view: View = VIEWS[0]) -> list[bytes]:
    """Return what the format writes, line by line."""
    return "".join(FORMATS[name](given, view)).encode().splitlines(keepends=True)


def full_report() -> Report:
    """Return a report with one of everything."""
    proof = Proof(said=("a => b",), agrees=False, differences=("d",), not_proven="n")
    given = report(
        [
            verdict("a", finding(), predicted_error="e", predicted_exit=127, proof=proof),
            verdict("a", finding(severity="warning"), number=2, libraries=(missing_library(),)),
            verdict("lost", not_probed()),
            verdict("lost", not_probed(), number=2),
        ],
        binaries=[binary(elf=elf(rpath="a::b", abi_tag=None)), binary("text", number=2, elf=None)],
        hosts=[host("a", facts_unknown={"cpu_level": "no /proc"}), lost_host("lost")],
    )
    return msgspec.structs.replace(given, run=RUN)


def named(given: Report) -> Report:
    """Return *given* with each binary's name as its path has it, as the command line does."""
    binaries = (
        msgspec.structs.replace(needs, name=PurePosixPath(needs.path).name)
        for needs in given.binaries
    )
    return msgspec.structs.replace(given, binaries=tuple(binaries))


def assert_comes_back(given: Report, views: Sequence[View] = VIEWS) -> None:
    """Read what both machine formats write; every format then renders the same."""
    given = named(given)
    for written in ("jsonl", "json"):
        again = read_report(lines_of(given, written), "r")
        for name, render in FORMATS.items():
            for view in views:
                assert [*render(given, view)] == [*render(again, view)], (written, name)


def test_report_comes_back_whole():
    """Every format renders a report that was read as the one that was written."""
    assert_comes_back(full_report())
    assert_comes_back(report([]))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back(text: str):
    """Control characters, backslashes and broken bytes survive the way there and back."""
    assert_comes_back(poisoned_report(text), VIEWS[:1])


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=12).map(decode) | st.text(max_size=12))
def test_any_text_comes_back(text: str):
    """Whatever a host is called or says, a report of it is read back exactly."""
    assert_comes_back(poisoned_report(text), VIEWS[:1])


def test_equal_parts_are_held_once():
    """Ten hosts of one image with one result hold one set of facts and of findings."""
    given = report([verdict(f"web-{n}", finding()) for n in range(10)])

    again = read_report(lines_of(given), "r")

    assert 1 == len({id(snapshot.facts) for snapshot in again.hosts})
    assert 1 == len({id(one.findings) for one in again.verdicts})


def test_run_that_was_cut_off_is_read_as_far_as_it_came():
    """Without the last line all hosts count that are whole, and the place is named."""
    lines = lines_of(report([verdict("a"), verdict("b")]))

    early = read_report(lines[:-1], "r")
    torn = read_report([*lines[:-2], lines[-2][:40]], "r")
    half = read_report(lines[:-2], "r")

    assert (["a", "b"], "r:7: the file ends early") == (
        [snapshot.host for snapshot in early.hosts],
        early.cut,
    )
    assert "r:6: the line is cut off" == torn.cut
    for short in (torn, half):
        assert ["a"] == [snapshot.host for snapshot in short.hosts]
        assert ["a"] == [one.host for one in short.verdicts]


def test_cut_report_is_written_as_one():
    """What was cut off stays so: it gets no last line, and its hosts stay missing."""
    lines = lines_of(msgspec.structs.replace(report([verdict("a")]), run=Run(hosts_expected=3)))

    cut = read_report(lines[:-1], "r")

    assert lines[:-1] == lines_of(cut)
    assert 2 == cut.missing
    assert "1 host, 1 binary, cut off\n" in b"".join(lines_of(cut, "table")).decode()


def test_unknown_additions_are_passed_over():
    """A later release may add lines and keys."""
    first, *lines = lines_of(report([verdict("a")]))
    lines = [line.replace(b'{"type":"host",', b'{"type":"host","new":[1],') for line in lines]

    again = read_report([first, b'{"type":"weather","sky":"blue"}\n', *lines], "r")

    assert ["a"] == [snapshot.host for snapshot in again.hosts]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: [], "r: there is nothing in it"),
        (lambda _: [b"hello\n"], "r:1: not valid: JSON is malformed"),
        (lambda _: [b'{"type":"header","schema":"x"}\n'], "r:1: it is no report of preflight"),
        (lambda lines: lines[1:], "r:1: it is no report of preflight"),
        (
            lambda lines: [lines[0].replace(b',"version"', b',"shard":"1/99999999","version"')],
            "r:1: '1/99999999' is no shard",
        ),
        (
            lambda lines: [lines[0].replace(b"report/1", b"report/2"), *lines[1:]],
            "r:1: the schema is 'preflight.report/2', not 'preflight.report/1'",
        ),
        (lambda lines: [*lines[:3], b"{\n", *lines[3:]], "r:4: not valid: Input data was trunc"),
        (lambda lines: [*lines[:3], b"[1]\n"], "r:4: not valid: Expected `object`, got `array`"),
        (
            lambda lines: [*lines[:2], lines[2].replace(b'"rounds":2', b'"rounds":"x"')],
            "r:3: not valid: Expected `int`, got `str` - at `$.rounds`",
        ),
        (lambda lines: [*lines[:2], *lines[3:]], "r:3: no line above has the binary, or the host,"),
        (lambda lines: [*lines[:4], lines[-1]], "r:5: the verdicts above are not those that"),
        (lambda lines: [*lines, lines[2]], "r:8: there is something after the end"),
        (lambda lines: lines * 2, "r:8: another report begins"),
        (lambda lines: [lines[0], b"\xff\n"], "r:2: not valid: "),
        (lambda lines: [lines[0], b"[" * 100000 + b"\n"], "r:2: not valid: "),
    ],
)
def test_damage_has_its_place(change, message):
    """What is no report, or damaged, is an error with file and line, and a hint."""
    lines = lines_of(report([verdict("a"), verdict("b")]))

    with pytest.raises(ReportError) as caught:
        read_report(change(lines), "r")

    assert caught.value.message.startswith(message)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-20], r"r:\d+: not valid: Input data was truncated"),
        (lambda text: text.replace(b'"rounds": 2', b'"rounds": !'), r"r:\d+: not valid: JSON is"),
        (lambda text: text.replace(b"report/1", b"report/9"), "r: the schema is"),
        (lambda text: text.replace(b'"deployable": 2', b'"deployable": 3'), "r: the verdicts"),
        (lambda _: b"{}\n", "r: it is no report of preflight"),
    ],
)
def test_damaged_document_has_its_place(change, message):
    """A document that is no JSON any more is an error with its line."""
    text = b"".join(lines_of(report([verdict("a"), verdict("b")]), "json", View()))

    with pytest.raises(ReportError, match=message):
        read_report(change(text).splitlines(keepends=True), "r")


def test_facts_that_no_report_has_are_not_taken_over():
    """A file cannot bring in more of a host than a report tells."""
    lines = lines_of(report([verdict("a")], hosts=[host("a", facts=facts(uid=7))]))
    lines[2] = lines[2].replace(b'"facts":{', b'"facts":{"uid":0,')

    assert read_report(lines, "r").hosts[0].facts.uid is None
