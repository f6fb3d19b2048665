"""How long work takes, here or in a process of its own; this file measures nothing itself."""

from __future__ import annotations

import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path


def best_s(work: Callable[[], object], runs: int) -> float:
    """Return the seconds of the shortest of *runs*; garbage is collected as it is in earnest."""
    return min(timeit.repeat(work, "gc.enable()", number=1, repeat=runs))


def in_process(code: str, path: Path) -> tuple[float, float]:
    """Run *code* in a Python of its own; return seconds and its peak memory in MB."""
    script = f"import re, sys; path = sys.argv[1]\n{code}\n"
    # Not ru_maxrss, which a child begins with that of its parent.
    script += "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    start = time.perf_counter()
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, int(done.stdout) / 1024
