"""``preflight inspect --releases`` on real files."""

from __future__ import annotations

import json
import shutil


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
