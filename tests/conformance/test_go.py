"""Go programs, which look at the CPU themselves.  Source: Go src/runtime/asm_amd64.s."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from preflight.analyze import analyze
from preflight.analyze.go import settings
from preflight.elf import BytesSource, read_bytes
from preflight.judge import judge
from preflight.model.start import Start
from tests.builders import host as h

pytestmark = pytest.mark.hosts

QEMU = "/usr/bin/qemu-x86_64-static"
MAIN = "package main\n\nfunc main() {}\n"
NEHALEM = {"cpu_level": "x86-64-v2"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A Go program for each GOAMD64 level."""
    if shutil.which("go") is None:
        pytest.skip("golang-go is not installed")
    directory = tmp_path_factory.mktemp("go")
    (directory / "main.go").write_text(MAIN)
    for level in ("v1", "v2", "v3", "v4"):
        home = {"HOME": str(directory), "GO111MODULE": "off", "GOAMD64": level}
        command = ["go", "build", "-o", level, "main.go"]
        subprocess.run(command, cwd=directory, env=os.environ | home, check=True)
    return directory


@pytest.mark.parametrize("level", ["v1", "v2", "v3", "v4"])
def test_go_program_is_judged_as_its_runtime_decides(built, level):
    """On a Nehalem levels from v3 on end with the runtime's own line and status 1."""
    path = str(built / level)
    real = subprocess.run(
        [QEMU, "-cpu", "Nehalem", path], capture_output=True, text=True, check=False
    )

    verdict = judge(analyze(path), Start(), h.snapshot(facts=NEHALEM)).verdict

    assert (verdict.predicted_exit or 0) == real.returncode
    assert (verdict.predicted_error or "") == real.stderr.strip()
    assert verdict.outcome == ("blocked" if real.returncode else "deployable")


def test_build_settings_equal_those_that_go_tells(built):
    """Every build line of `go version -m` is read."""
    path = built / "v3"
    said = subprocess.run(
        ["go", "version", "-m", path], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split("\t")[2] for line in said.splitlines() if line.startswith("\tbuild\t")]

    data = path.read_bytes()

    assert settings(BytesSource(data), read_bytes(data)) == dict(
        line.partition("=")[::2] for line in lines
    )


def test_cut_off_build_information_is_no_error(built):
    """A program whose data end early has no settings, or fewer."""
    data = (built / "v1").read_bytes()
    at = data.find(b"\xff Go buildinf:", 4096)

    for size in range(at, at + 200, 7):
        assert isinstance(settings(BytesSource(data[:size]), read_bytes(data)), dict)
