"""``preflight inspect --releases`` on real files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest


def test_a_real_program_has_a_row_for_each_family(run):
    """It starts on the release that it was built on, and nowhere with musl."""
    result = run("inspect", "--releases", "/bin/ls")

    assert 0 == result.status
    assert "an estimate, no verdict" in result.out
    assert "Alpine" in result.out


def test_members_of_a_bundle_are_counted_in_it(run, tmp_path):
    """One estimate for the directory, none for what lies in it."""
    (tmp_path / "app").mkdir()
    shutil.copy("/bin/ls", tmp_path / "app/ls")
    result = run("inspect", "--releases", "--format", "json", "app")

    found = json.loads(result.out)

    assert 2 == len(found["binaries"])
    assert ["b1"] == [one["binary"] for one in found["releases"]]
    texts = {r["text"] for e in found["releases"][0]["estimates"] for r in e["reasons"]}
    assert any(text.endswith(", for ls") for text in texts)


def test_a_script_gets_one_line(run, tmp_path):
    """There is nothing to compare."""
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")

    result = run("inspect", "--releases", "run.sh")

    assert "run.sh: a script starts where its interpreter does: inspect that\n" == result.out


@pytest.mark.parametrize(
    ("release", "status", "answer"),
    [
        ("debian:12", 0, "starts"),
        ("debian:10", 1, "does not start"),
        ("alpine:3.20", 1, "does not start"),
        ("rocky:9.4", 0, "starts"),
    ],
)
def test_a_release_to_start_on_is_a_gate(run, program, release, status, answer):
    """--starts-on shows that release alone, and its answer is the exit status."""
    app = program(version_needs={"libc.so.6": ["GLIBC_2.34"]})

    result = run("inspect", "--starts-on", release, app)

    assert status == result.status
    assert 1 == sum(answer in line for line in result.out.splitlines())


def test_the_gate_holds_beside_the_whole_table(run, program):
    """--releases shows more, also of a release that is another's twin, and opens nothing."""
    app = program(version_needs={"libc.so.6": ["GLIBC_2.38"]})

    result = run("inspect", "--releases", "--starts-on", "rocky:9", app)

    assert 1 == result.status
    assert "Alpine" in result.out


def test_what_nobody_knows_passes_no_gate(run, program):
    """A library that the table does not have leaves the commit undetermined."""
    result = run("inspect", "--starts-on", "arch", program(needed=["libodd.so.3", "libc.so.6"]))

    assert 3 == result.status


def test_a_damaged_program_passes_no_gate(run, program):
    """Nobody knows what it would have needed."""
    app = Path(program())
    app.write_bytes(app.read_bytes()[:300])

    result = run("inspect", "--starts-on", "debian:12", app)

    assert 3 == result.status
    assert "unknown" in result.out


def test_what_is_no_program_is_no_bar(run, tmp_path):
    """A picture among the files says nothing about a release."""
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")

    assert 0 == run("inspect", "--starts-on", "debian:11", "logo.png").status


def test_a_release_of_another_name_is_an_error(run, program):
    """A misspelt gate does not stand open."""
    result = run("inspect", "--starts-on", "debain:11", program())

    assert (2, "") == (result.status, result.out)
    assert "no release of the table is called 'debain:11'" in result.err
    assert "did you mean debian:11?" in result.err
