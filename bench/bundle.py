"""
How long a large bundle takes to be analysed, beside unpacking it with tar.

    python -m bench.bundle

The bundle has 500 MB in 2,000 files, 300 of them ELF files of this machine.
Each run is a process of its own, tar and analysis in turns; the best of three
counts, as does the highest peak of memory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench._timing import in_process

FILES, PROGRAMS, SIZE_BYTES = 2000, 300, 500 << 20
RUNS = 3
ANALYZE = "from preflight.analyze import analyze; assert analyze(path).bundle.members"
SUFFIXES = ("tar", "tar.gz", "tar.zst")


def elf_files() -> Iterator[Path]:
    """Yield ELF files of this machine, of a few MB at most."""
    for directory in ("/usr/bin", "/usr/lib/x86_64-linux-gnu"):
        for path in sorted(Path(directory).iterdir()):
            if path.is_symlink() or not path.is_file() or path.stat().st_size > 4 << 20:
                continue
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def fill(tree: Path) -> None:
    """Lay the files of the bundle out."""
    left = SIZE_BYTES
    for number, path in zip(range(PROGRAMS), elf_files(), strict=False):
        target = tree / f"lib{number % 10}" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
        left -= target.stat().st_size
    each = left // (FILES - PROGRAMS)
    for number in range(FILES - PROGRAMS):
        target = tree / f"share{number % 20}" / f"data{number}"
        target.parent.mkdir(parents=True, exist_ok=True)
        # Half of it can be compressed, as data often can.
        target.write_bytes(os.urandom(each // 2) + b"\0" * (each - each // 2))


def unpack_s(path: Path) -> float:
    """Return the seconds that tar takes to unpack *path*."""
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        start = time.perf_counter()
        subprocess.run(["tar", "-xf", path, "-C", directory], check=True)
        return time.perf_counter() - start


def main() -> None:
    """Measure each compression, and print both times and the peak of memory."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        tree = Path(directory) / "app"
        fill(tree)
        for suffix in SUFFIXES:
            path = Path(directory) / f"app.{suffix}"
            subprocess.run(["tar", "-caf", path, "-C", directory, "app"], check=True)
            tar_s, ours_s, peak_mb = [], [], []
            for _ in range(RUNS):
                tar_s.append(unpack_s(path))
                seconds, peak = in_process(ANALYZE, path)
                ours_s.append(seconds)
                peak_mb.append(peak)
            print(
                f"{suffix}: analysed in {min(ours_s):.2f} s,",
                f"unpacked by tar in {min(tar_s):.2f} s:",
                f"{min(ours_s) / min(tar_s):.2f} times (at most 1.5),",
                f"{max(peak_mb):.0f} MB (at most 300)",
            )
            path.unlink()


if __name__ == "__main__":
    main()
