"""In the build: the change that is advised makes the finding go away, by a real build."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from preflight.analyze import analyze
from preflight.judge import judge
from preflight.model.start import Start
from tests.builders import host as h

pytestmark = pytest.mark.slow
MAIN = "int main(void) { return 0; }"
# A host with a loader and a C library of long ago, and nothing else.
BARE = {
    "/lib/libc.so.6": h.elf(soname="libc.so.6", version_defs=h.defines("GLIBC_2.2.5")),
}


def built(directory: Path, source: str, *command: str) -> Path:
    """Compile *source*, C++ where g++ does it."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} here")
    file = directory / ("app.cc" if command[0] == "g++" else "app.c")
    file.write_text(source)
    subprocess.run([*command, "-o", "app", file.name], cwd=directory, check=True)
    return directory / "app"


def findings(path: Path):
    """Return what the bare host says to a program: each error by code and subject."""
    snapshot = h.snapshot(h.files(BARE), facts={"os_id": "debian", "cpu_level": "x86-64-v2"})
    verdict = judge(analyze(path), Start(), snapshot).verdict
    return {(f.code, f.subject): f for f in verdict.findings if f.severity == "error"}


def commands(found) -> list[str]:
    """Return the commands that mend it in the build."""
    return [remedy.command or "" for remedy in found.remedies if remedy.where == "build"]


def test_static_cxx_runtime_needs_no_libstdcxx(tmp_path):
    """-static-libstdc++ -static-libgcc ends the need for both."""
    source = "#include <iostream>\nint main() { std::cout << 1 << std::endl; }"
    before = findings(built(tmp_path, source, "g++"))
    found = before["library-missing", "libstdc++.so.6"]
    assert "g++ -static-libstdc++ -static-libgcc" in commands(found)

    after = findings(built(tmp_path, source, "g++", "-static-libstdc++", "-static-libgcc"))

    assert not {key for key in after if key[1] in ("libstdc++.so.6", "libgcc_s.so.1")}


def test_static_musl_needs_no_glibc(tmp_path):
    """musl-gcc -static makes a program that no release of glibc can refuse, and that starts."""
    before = findings(built(tmp_path, MAIN, "gcc"))
    found = before["version-missing", "libc.so.6:GLIBC_2.34"]
    assert "musl-gcc -static" in commands(found)

    app = built(tmp_path, MAIN, "musl-gcc", "-static")

    assert findings(app) == {}
    assert subprocess.run([app], check=False).returncode == 0


def test_pure_go_needs_no_library(tmp_path):
    """CGO_ENABLED=0 with the tags ends what a Go program needs of libc."""
    if shutil.which("go") is None:
        pytest.skip("there is no go here")
    source = 'package main\nimport "os/user"\nfunc main() { user.Current() }\n'
    (tmp_path / "app.go").write_text(source)
    env = {**os.environ, "GOFLAGS": "-mod=mod", "GO111MODULE": "off"}
    command = ["go", "build", "-o", "app", "app.go"]
    subprocess.run(command, cwd=tmp_path, env=env | {"CGO_ENABLED": "1"}, check=True)
    before = findings(tmp_path / "app")
    assert before
    advised = {command for found in before.values() for command in commands(found)}
    assert advised == {"CGO_ENABLED=0 go build -tags netgo,osusergo"}

    command[2:2] = ["-tags", "netgo,osusergo"]
    subprocess.run(command, cwd=tmp_path, env=env | {"CGO_ENABLED": "0"}, check=True)

    assert findings(tmp_path / "app") == {}


def test_baseline_march_asks_for_no_level(tmp_path):
    """-march=x86-64 ends the mark of a level that the host's CPU does not reach."""
    marked = built(tmp_path, MAIN, "musl-gcc", "-march=x86-64-v3", "-Wl,-z,x86-64-v3")
    assert analyze(marked).x86_isa_needed == "x86-64-v3"
    image = h.program(isa_needed=8)
    found = judge(h.requirements(image), Start(), h.snapshot()).verdict.findings[0]
    assert commands(found) == ["gcc -march=x86-64"]

    plain = built(tmp_path, MAIN, "musl-gcc", "-march=x86-64")

    assert analyze(plain).x86_isa_needed in (None, "x86-64")
