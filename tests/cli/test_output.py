"""Reports on standard output and in files: whole or with an error, and nothing else among them."""

from __future__ import annotations

import json
import os
import pty
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from preflight.report import FORMATS
from tests.cli.conftest import PROJECT

CONTROL = re.compile(r"[^\n\x20-\x7e\u00a0-\uffff]")
HOSTILE = ("$(touch pwned);'\"", "lib\n\x1b[31mred.so", b"lib\xff.so", "lib\u202eos.so")


def test_table_is_for_people(run, program):
    """Without --format the table says what happens to which host."""
    result = run("check", "--local", program(needed=["libnowhere.so.1"]))

    assert result.err == ""
    assert "✗ blocked  localhost" in result.out
    assert "library-missing: libnowhere.so.1" in result.out
    assert "0 deployable, 1 blocked, 0 unknown" in result.out


def test_several_formats_of_one_run(run, program):
    """One run writes a report for people and others into files."""
    files = ["--format", "json=r.json", "--format", "jsonl=r.jsonl", "--format", "names=r.txt"]

    result = run("check", "--local", program(), "--format", "table", *files)

    assert "1 deployable" in result.out
    assert json.loads(Path("r.json").read_text())["summary"]["deployable"] == 1
    lines = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    assert {"binary", "host", "verdict", "summary"} <= {line["type"] for line in lines}
    assert Path("r.txt").read_text() == "localhost\n"


def test_files_alone_leave_standard_output_empty(run, program):
    """Who wants a file alone gets no table besides."""
    assert (0, "", "") == run("check", "--local", program(), "--format", "json=r.json")


def test_names_are_the_deployable_hosts(run, program, inventory, closed_port):
    """The format names feeds a rollout: a host that was not asked is not in it."""
    inventory(here="transport: local", gone=f"address: 127.0.0.1, port: {closed_port}")

    result = run("check", program(), "--format", "names")

    assert (3, "here\n") == (result.status, result.out)


def test_report_is_valid_by_the_printed_schema(run, program, inventory, closed_port):
    """`preflight schema` describes the reports of real runs, with and without --explain."""
    inventory(here="transport: local", gone=f"address: 127.0.0.1, port: {closed_port}")
    validator = Draft202012Validator(json.loads(run("schema").out))
    binaries = [program(), program("bad", needed=["libnowhere.so.1"]), __file__]

    for options in ([], ["--explain"]):
        report = json.loads(run("check", *binaries, "--format", "json", *options).out)
        validator.validate(report)
        assert len(report["verdicts"]) == 6


def test_explain_shows_where_was_looked(run, program):
    """--explain tells each library, the rule that found it, and the places of a miss."""
    bad = program(needed=["libc.so.6", "libnowhere.so.1"], runpath="$ORIGIN/lib")

    result = run("check", "--local", bad, "--explain", "--format", "json")

    libraries = {one["name"]: one for one in json.loads(result.out)["verdicts"][0]["libraries"]}
    assert libraries["libc.so.6"]["rule"] == "ld.so.cache"
    places = [step["path"] for step in libraries["libnowhere.so.1"]["tried"]]
    assert places[0].startswith(f"{bad.parent}/lib/")
    assert "libnowhere.so.1" in run("check", "--local", bad, "--explain").out


def test_quiet_and_verbose(run, program):
    """-q leaves out what is well, -v says more than no option does."""
    good = program()
    usual, quiet, verbose = (
        run("check", "--local", good, *option).out for option in ([], ["-q"], ["-v"])
    )

    assert "deployable  localhost" in usual
    assert "localhost" not in quiet
    assert "1 deployable" in quiet
    assert len(verbose) >= len(usual)


def test_several_local_binaries_lie_where_they_are(run, program, tmp_path):
    """With --local each of several binaries is judged at its own path."""
    (tmp_path / "sub").mkdir()
    binaries = [program("one", runpath="$ORIGIN"), program("sub/two", needed=["libgone.so"])]

    report = json.loads(run("check", "--local", *binaries, "--format", "json").out)

    assert ["deployable", "blocked"] == [one["outcome"] for one in report["verdicts"]]
    assert report["verdicts"][1]["predicted_error"].startswith(f"{tmp_path}/sub/two: ")


@pytest.mark.parametrize("name", ["table", "json", "jsonl"])
def test_hostile_names_reach_no_terminal(run, program, name):
    """No control sequence from a binary is printed, in any format."""
    result = run("check", "--local", program(needed=HOSTILE), "--format", name, "--explain", "-v")

    assert CONTROL.findall(result.out) == []
    assert "\u202e" not in result.out
    assert result.err == ""


def test_hostile_names_are_exact_in_json(run, program):
    r"""JSON holds each name: what is not UTF-8 as \xNN, all else as it is."""
    result = run("check", "--local", program(needed=HOSTILE), "--format", "json")

    findings = json.loads(result.out)["verdicts"][0]["findings"]
    assert [*HOSTILE[:2], "lib\\xff.so", HOSTILE[3]] == [one["subject"] for one in findings]


def test_no_colour_in_a_pipe(run, program):
    """A pipe gets no escape sequences, whatever the terminal could do."""
    assert "\x1b" not in run("check", "--local", program()).out


@pytest.mark.parametrize(
    ("settings", "is_coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
    ],
)
def test_colour_by_the_environment(run, program, monkeypatch, settings, is_coloured):
    """NO_COLOR wins over FORCE_COLOR, and that over what standard output is."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    assert is_coloured == ("\x1b[" in run("check", "--local", program()).out)


@pytest.mark.parametrize(
    ("settings", "is_coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False)],
)
def test_colour_on_a_terminal(start, program, monkeypatch, settings, is_coloured):
    """A terminal gets colours, unless it cannot or its user does not want any."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    ours, theirs = pty.openpty()
    process = start("check", "--local", program(), stdout=theirs)
    os.close(theirs)
    shown = read_all(ours)

    assert 0 == process.wait(20)
    assert "deployable" in shown
    assert is_coloured == ("\x1b[" in shown)


@pytest.mark.slow
def test_progress_is_shown_to_people_alone(start, program, inventory, silent, monkeypatch):
    """A bar on a terminal's standard error after a moment, and nothing of it under CI."""
    port = silent.getsockname()[1]
    inventory(a=f"address: 127.0.0.1, port: {port}", b="transport: local")
    for ci, is_shown in (("", True), ("true", False)):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("CI", ci)
        ours, theirs = pty.openpty()
        process = start("check", program(), "--timeout", "1.6", stderr=theirs)
        os.close(theirs)
        shown = read_all(ours)

        assert 3 == process.wait(20)
        assert is_shown == (" of 2 hosts" in shown)
        assert "deployable" in process.stdout.read()


def read_all(terminal: int) -> str:
    """Return what comes out of *terminal* until nobody holds its other end, and close it."""
    shown = b""
    with os.fdopen(terminal, "rb", buffering=0) as stream:
        try:
            while piece := stream.read(65536):
                shown += piece
        except OSError:  # EIO: the end, as Linux has it
            pass
    return shown.decode()


def test_full_disk_is_said(preflight, program):
    """Where the report cannot be written whole, one line says why; the status is no verdict."""
    with Path("/dev/full").open("w") as full:
        result = preflight("check", "--local", program(), stdout=full)

    line = "preflight: error: standard output: No space left on device; the output is not whole\n"
    assert (70, line) == (result.status, result.err)


def test_full_file_does_not_cost_the_other_reports(preflight, program):
    """One report that cannot be written leaves the others whole."""
    formats = ["--format", "json=/dev/full", "--format", "table"]

    result = preflight("check", "--local", program(), *formats)

    assert 70 == result.status
    assert "1 deployable" in result.out
    assert result.err.startswith("preflight: error: /dev/full: No space left on device")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["explain"], ["schema"], ["hosts", "-i", "a,"], ["inspect", "/bin/ls"]],
)
def test_every_command_notices_a_full_disk(preflight, arguments):
    """No command takes lost output for success."""
    with Path("/dev/full").open("w") as full:
        assert 70 == preflight(*arguments, stdout=full).status


@pytest.mark.parametrize("arguments", [["--help"], ["schema", "facts"], ["inspect", "/bin/ls"]])
def test_closed_pipe_is_quiet(start, arguments):
    """Who reads no further (head) gets no complaint."""
    reading, writing = os.pipe()
    os.close(reading)
    process = start(*arguments, stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=20)

    assert (141, "") == (process.returncode, err)


@pytest.mark.parametrize(
    "arguments", [["check", "--local", "/bin/ls"], ["schema"], ["--help"], ["hosts", "-i", "a,"]]
)
def test_closed_standard_output(preflight, arguments):
    """With no standard output at all the report is lost, which is no success."""
    result = preflight(*arguments, preexec_fn=lambda: os.close(1), stdout=None)

    line = "preflight: error: standard output: Bad file descriptor; the output is not whole\n"
    assert (70, line) == (result.status, result.err)


def test_closed_standard_output_is_not_missed(preflight, program):
    """A report that goes to a file needs no standard output."""
    arguments = ["check", "--local", program(), "--format", "json=r.json"]

    result = preflight(*arguments, preexec_fn=lambda: os.close(1), stdout=None)

    assert (0, "") == (result.status, result.err)
    assert json.loads(Path("r.json").read_text())["summary"]["deployable"] == 1


def test_json_is_utf8_in_any_locale(preflight, program, monkeypatch):
    """What programs read does not depend on the operator's language."""
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    name = program("app\u2713")

    result = preflight("check", "--local", name, "--format", "json")

    assert json.loads(result.out)["binaries"][0]["path"] == str(name)


def test_report_directory_is_checked_before_the_run(run, program, inventory, silent):
    """A report that could not be written later is refused before any host is asked."""
    inventory(web=f"address: 127.0.0.1, port: {silent.getsockname()[1]}")
    silent.settimeout(0.1)

    assert 2 == run("check", program(), "--format", "json=no/r.json").status
    with pytest.raises(TimeoutError):
        silent.accept()


OVERWRITES = {
    "binary": ["check", "--local", "app", "--format", "json=app"],
    "binary by another name": ["check", "--local", "app", "--format", "json=link"],
    "inventory": ["check", "app", "-i", "inv.yaml", "--format", "jsonl=inv.yaml"],
    "found inventory": ["probe", "--save", "inventory.yaml"],
    "facts": ["check", "app", "--facts", "facts", "--format", "json=./facts"],
    "program to probe for": ["probe", "--local", "--for", "app", "--save", "app"],
    "opener": ["check", "--local", "a.so", "--loaded-by", "app=/bin/app", "--format", "json=app"],
    "host keys": ["probe", "-i", "a,", "--known-hosts", "facts", "--save", "facts"],
}


@pytest.mark.parametrize("arguments", OVERWRITES.values(), ids=OVERWRITES.keys())
def test_input_is_never_overwritten(run, program, arguments):
    """An output that is one of the files to read is refused, and the file stays."""
    program()
    program("a.so")
    for name in ("inv.yaml", "inventory.yaml", "facts"):
        Path(name).write_text("hosts: {here: {transport: local}}\n")
    Path("link").symlink_to("app")
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}

    result = run(*arguments)

    assert (2, "") == (result.status, result.out)
    assert "would overwrite the input" in result.err
    assert before == {path: path.read_bytes() for path in before}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_forbidden_directory_is_seen_before_the_run(run, program, tmp_path):
    """Where this user may not even look, a report is refused before any host is asked."""
    app = program()
    (tmp_path / "closed").mkdir(0o700)
    os.seteuid(65534)
    try:
        result = run("check", "-i", "a,", app, "--format", "json=closed/report.json")
    finally:
        os.seteuid(0)

    assert 2 == result.status
    assert "--format json=closed/report.json: this user may not write there" in result.err


def test_manual_lists_the_formats():
    """docs/commands.md and --help name every format that there is."""
    page = (PROJECT / "docs" / "commands.md").read_text("utf-8")

    assert set(FORMATS) <= set(re.findall(r"[\w-]+", page.partition("--format NAME")[2]))


def test_github_log_comes_with_the_summary_of_the_step(run, program, monkeypatch):
    """Where a workflow's step has a summary, the report for people is appended to it."""
    summary = Path("summary.md")
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    result = run("check", "--local", program(needed=["libnowhere.so.1"]), "--format", "github")

    assert result.out.startswith("::error title=")
    assert summary.read_text().startswith("before\n### preflight: 0 deployable, 1 blocked")
