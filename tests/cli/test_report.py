"""``preflight report``: what was written is shown again, and damage is an error with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def reports(run, program, inventory, closed_port) -> list[str]:
    """A run with good and bad hosts, in every format; return what each printed."""
    closed = f"address: 127.0.0.1, port: {closed_port}"
    inventory(here="transport: local", gone=closed)
    binaries = [program(), program("bad", needed=["libnowhere.so.1", b"lib\xff\x1b.so"])]
    files = [f"--format={name}={name}.out" for name in ("json", "jsonl", "names", "table")]
    run("check", *binaries, "--explain", *files)
    return ["json", "jsonl", "names", "table"]


def test_every_format_is_rendered_again(run, reports):
    """From either machine format come the very reports that the run itself wrote."""
    for source in ("json.out", "jsonl.out"):
        for name in reports:
            if name == "jsonl" and source == "json.out":
                continue  # the lines of a run come in the order in which its hosts were done
            result = run("report", source, "--explain", "--format", name)
            assert (1, "") == (result.status, result.err)
            assert order(Path(f"{name}.out").read_text()) == order(result.out), (source, name)


def order(text: str) -> list[str]:
    """Return the lines in an order that does not depend on which host was done first."""
    return sorted(line.rstrip(",") for line in text.splitlines())


@pytest.mark.usefixtures("reports")
def test_status_is_that_of_check(run):
    """What a report means does not depend on who shows it."""
    assert 1 == run("report", "json.out").status
    assert 0 == run("report", "json.out", "--exit-zero").status
    text = Path("json.out").read_text().replace('"blocked"', '"unknown"')
    text = json.dumps(json.loads(text) | {"summary": {"deployable": 1, "blocked": 0, "unknown": 3}})
    Path("unknown.json").write_text(text)
    assert 3 == run("report", "unknown.json").status
    assert 1 == run("report", "unknown.json", "--fail-on", "unknown").status


def test_gap_is_no_success(run, program, inventory):
    """A report that is not whole is undetermined, and as bad as an unknown host on request."""
    inventory(a="transport: local", b="transport: local")
    run("check", program(), "--format", "jsonl=r.jsonl")
    lines = Path("r.jsonl").read_text().splitlines(keepends=True)
    Path("r.jsonl").write_text("".join(lines[:4]))

    assert 3 == run("report", "r.jsonl").status
    assert 1 == run("report", "r.jsonl", "--fail-on", "unknown").status
    assert 0 == run("report", "r.jsonl", "--exit-zero").status


@pytest.mark.usefixtures("reports")
def test_standard_input_is_read(preflight):
    """A report may come through a pipe."""
    result = preflight("report", "-", "--format", "names", given=Path("jsonl.out").read_text())

    assert (1, "", "") == result


@pytest.mark.usefixtures("reports")
def test_report_is_no_output_of_its_own(run):
    """A report that is read is not overwritten."""
    result = run("report", "json.out", "--format", "jsonl=json.out")

    assert 2 == result.status
    assert "would overwrite the input" in result.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "r.jsonl: there is nothing in it"),
        (b"\x7fELF\n", "r.jsonl:1: not valid: "),
        (b'{"type":"run","schema":"preflight.report/7"}\n', "r.jsonl:1: the schema is 'prefl"),
    ],
)
def test_what_is_no_report_is_an_error(run, content, message):
    """The place is named, and what to do."""
    Path("r.jsonl").write_bytes(content)

    result = run("report", "r.jsonl")

    assert (2, "") == (result.status, result.out)
    assert f"preflight: error: {message}" in result.err
    assert "preflight: hint: " in result.err


def test_directory_is_no_report(run):
    """What cannot be read is an error like any other."""
    result = run("report", "./")

    assert 2 == result.status
    assert "Is a directory" in result.err
