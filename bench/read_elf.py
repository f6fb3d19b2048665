"""
How long the reader and the analysis take, beside what they are measured against.

    python -m bench.read_elf [LIBRARY…]

Each library is read with all its dynamic symbols by `preflight.elf.read_file`
and by pyelftools' `DynamicSegment.iter_symbols`, alternating; the best of
five counts.  Then a program of 100 MB is analysed, beside `hashlib.file_digest`
of it, each in a process of its own.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

from bench._timing import best_s, in_process
from preflight.elf import read_file

LIBRARIES = ("libstdc++.so.6", "libcrypto.so.3", "libc.so.6")
DIRECTORY = Path("/usr/lib/x86_64-linux-gnu")
SIZE_BYTES = 100 << 20
HASH = "import hashlib; hashlib.file_digest(open(path, 'rb'), 'sha256')"
ANALYZE = "from preflight.analyze import analyze; analyze(path)"


def by_pyelftools(path: Path) -> int:
    """Read all dynamic symbols with pyelftools; return how many there are."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        segment = next(s for s in elf.iter_segments() if s["p_type"] == "PT_DYNAMIC")
        return sum(1 for _ in segment.iter_symbols())


def by_preflight(path: Path) -> int:
    """Read everything with preflight; return how many symbols there are."""
    symbols = read_file(path).symbols
    return symbols.names.count(b"\0") if symbols else 0


def compare_readers(paths: list[Path]) -> None:
    """Print both readers' times for each library."""
    for path in paths:
        ours_s = best_s(functools.partial(by_preflight, path), 5)
        theirs_s = best_s(functools.partial(by_pyelftools, path), 5)
        print(
            f"{path.name}: {by_preflight(path)} symbols in {ours_s * 1e3:.1f} ms;",
            f"pyelftools {by_pyelftools(path)} in {theirs_s * 1e3:.1f} ms:",
            f"{theirs_s / ours_s:.0f} times as long",
        )


def compare_analysis(program: Path) -> None:
    """Print the time to analyse a large program beside the time to hash it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(program.read_bytes())
        while file.tell() < SIZE_BYTES:
            file.write(os.urandom(1 << 20))
        file.flush()
        path = Path(file.name)
        import_s, _ = min(in_process("import preflight.analyze", path) for _ in range(3))
        digest_s, _ = min(in_process(HASH, path) for _ in range(3))
        analysis_s, rss_mb = min(in_process(ANALYZE, path) for _ in range(3))
    print(
        f"{program.name}, grown to {SIZE_BYTES >> 20} MB: import {import_s:.2f} s,",
        f"python and file_digest {digest_s:.2f} s, analyze {analysis_s:.2f} s,",
        f"{rss_mb:.0f} MB of memory",
    )


if __name__ == "__main__":
    compare_readers([Path(p) for p in sys.argv[1:]] or [DIRECTORY / name for name in LIBRARIES])
    compare_analysis(Path("/bin/bash"))
