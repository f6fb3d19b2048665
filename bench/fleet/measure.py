"""
What a command costs: wall time, CPU, memory and open files of its whole process tree.

CPU is exact: whatever the command starts and leaves behind is adopted by the
process that measures, ended, waited for and counted.  Memory and files are
looked at five times a second; the peak counts.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_EVERY_S = 0.2
_PYTHON = Path(sys.executable).resolve()


class Usage(Struct, frozen=True):
    """What one run of a command took; *peak_processes* counts those that run Python."""

    wall_s: float
    cpu_s: float
    peak_pss_mb: float
    peak_files: int
    peak_processes: int
    status: int


def run(command: Sequence[str | Path], output: Path, env: Mapping[str, str]) -> Usage:
    """
    Run *command* and return what it took.

    Its standard output goes to the file *output*, its standard error to one with ``.err``.
    """
    measured = [sys.executable, "-m", "bench.fleet.measure", output, *command]
    done = subprocess.run(measured, check=True, stdout=subprocess.PIPE, env=env)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Usage)


class _Peaks:
    """The most that was ever seen of the descendants of this process."""

    def __init__(self) -> None:
        self.pss_bytes = self.files = self.processes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            pids = list(descendants(os.getpid()))
            self.pss_bytes = max(self.pss_bytes, sum(map(_pss_bytes, pids)))
            self.files = max(self.files, sum(map(_files, pids)))
            self.processes = max(self.processes, sum(map(_is_python, pids)))


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes that *pid* and its descendants have started."""
    children = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += (task / "children").read_text().split()
    for child in map(int, children):
        yield child
        yield from descendants(child)


def _pss_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0


def _files(pid: int) -> int:
    with contextlib.suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    return 0


def _is_python(pid: int) -> bool:
    """Whether *pid* runs Python; multiprocessing's own tracker does no work and counts for none."""
    with contextlib.suppress(OSError):
        tracks = b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        return not tracks and Path(f"/proc/{pid}/exe").readlink() == _PYTHON
    return False


def _run_here(output: str, command: Sequence[str]) -> Usage:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    said = Path(output), Path(output).with_suffix(".err")
    with said[0].open("wb") as out, said[1].open("wb") as err, _Peaks() as peaks:
        began = time.perf_counter()
        status = subprocess.run(command, check=False, stdout=out, stderr=err).returncode
        wall_s = time.perf_counter() - began
    _end_orphans()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Usage(
        wall_s=wall_s,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_pss_mb=peaks.pss_bytes / 1e6,
        peak_files=peaks.files,
        peak_processes=peaks.processes,
        status=status,
    )


def _end_orphans() -> None:
    """End what the command left running, such as ssh's masters, so that its CPU is counted too."""
    while orphans := list(descendants(os.getpid())):
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


if __name__ == "__main__":
    usage = _run_here(sys.argv[1], sys.argv[2:])
    print(msgspec.json.encode(usage).decode())
