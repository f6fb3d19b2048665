"""
How long a Go program of 100 MB takes to inspect, beside start-up and `hashlib.file_digest`.

    python -m bench.go_program [--keep DIRECTORY]

A program is built from a generated source with a large embedded file, with cgo
and without, and kept.  Each round measures start-up (of an empty file), the
digest and the inspection, one after the other; the medians count, of the last
what it takes longer than the start-up of its own round, since starts vary by a third of a digest.
The limit is start-up plus 1.5 times the digest.  The file is embedded as a string: it
lies among the constants, which is where texts are searched.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROUNDS = 30
EMBEDDED_BYTES = 96 << 20
LIMIT = 1.5
SOURCE = """package main

import (
	_ "embed"
	"fmt"
	"net/http"
)

//go:embed data.bin
var data string

func main() { r, e := http.Get("https://localhost"); fmt.Println(len(data), r, e) }
"""
BUILDS = {
    "without cgo": ({"CGO_ENABLED": "0"}, []),
    "with cgo, dynamic": ({"CGO_ENABLED": "1"}, []),
    "with cgo, static": (
        {"CGO_ENABLED": "1"},
        ["-ldflags", "-linkmode external -extldflags -static"],
    ),
}


def build(directory: Path, name: str) -> Path:
    """Return the program called *name*, built unless it is there."""
    program = directory / name.replace(", ", "-").replace(" ", "-")
    if program.exists():
        return program
    (directory / "go.mod").write_text("module bench\n\ngo 1.19\n")
    (directory / "main.go").write_text(SOURCE)
    (directory / "data.bin").write_bytes(random.Random(1).randbytes(EMBEDDED_BYTES))
    settings, options = BUILDS[name]
    env = {"HOME": str(directory), "PATH": os.environ["PATH"], **settings}
    command = ["go", "build", *options, "-o", str(program), "."]
    subprocess.run(command, cwd=directory, env=env, check=True, stderr=subprocess.DEVNULL)
    return program


def inspected(path: Path) -> float:
    """Return the seconds that ``preflight inspect`` takes."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "preflight", "inspect", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def digested(path: Path) -> float:
    """Return the seconds that the file's SHA-256 takes."""
    started = time.perf_counter()
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return time.perf_counter() - started


def main() -> None:
    """Print a line for each way to build the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(tempfile.gettempdir()) / "preflight-bench-go"
    parser.add_argument("--keep", type=Path, default=default, help="where the programs are kept")
    directory = parser.parse_args().keep
    directory.mkdir(parents=True, exist_ok=True)
    small = directory / "empty"
    small.write_bytes(b"")
    for name in BUILDS:
        program = build(directory, name)
        rounds = [(inspected(small), digested(program), inspected(program)) for _ in range(ROUNDS)]
        start_s, digest_s, whole_s = map(median, zip(*rounds, strict=True))
        share = median(whole - start for start, _, whole in rounds) / digest_s
        print(
            f"{name}: {program.stat().st_size / 1e6:.0f} MB, start-up {start_s:.3f} s, "
            f"digest {digest_s:.3f} s, inspect {whole_s:.3f} s: "
            f"start-up + {share:.2f} x digest (limit {LIMIT})"
        )


if __name__ == "__main__":
    main()
