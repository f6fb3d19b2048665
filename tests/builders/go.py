"""Go programs, built by Go's own tool, with one cache for all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.hosts import roots

CACHE = roots.CACHE / "go-build"


def go_program(directory: Path, name: str | Path, *arguments: str, **variables: str) -> None:
    """
    Build the program in *directory* as *name* there; without a go.mod it is no module.

    *arguments* are of go build, *variables* of the environment.  Skips where Go is missing.
    """
    if shutil.which("go") is None:
        pytest.skip("golang-go is not installed")
    modules = "on" if (directory / "go.mod").exists() else "off"
    home = {"HOME": str(directory), "GOCACHE": str(CACHE), "GO111MODULE": modules}
    command = ["go", "build", *arguments, "-o", name, "."]
    subprocess.run(command, cwd=directory, env=os.environ | home | variables, check=True)
