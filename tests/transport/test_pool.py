"""Threads that nobody waits for."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import wait
from pathlib import Path

from preflight.transport.pool import DaemonPool

PROJECT = Path(__file__).parents[2]


def test_results_and_failures_come_back():
    """A future has what the function returned, or raised."""
    pool = DaemonPool(2, "test-pool")
    good, bad = pool.submit(divmod, 7, 2), pool.submit(divmod, 7, 0)

    assert good.result(5) == (3, 1)
    assert isinstance(bad.exception(5), ZeroDivisionError)


def test_no_more_threads_than_there_may_be():
    """Tasks beyond the number of threads wait for their turn, and all are done."""
    pool, names = DaemonPool(3, "test-three"), []
    wait(
        pool.submit(lambda: (names.append(threading.get_ident()), time.sleep(0.01)))
        for _ in "x" * 20
    )

    assert len(names) == 20
    assert len(set(names)) <= 3


def test_a_free_thread_is_used_again():
    """One task after the other takes one thread."""
    pool = DaemonPool(8, "test-again")
    used = set()
    for _ in range(5):
        used.add(pool.submit(threading.get_ident).result(5))
        time.sleep(0.05)

    assert len(used) == 1


def test_the_end_of_the_process_waits_for_no_thread():
    """A task that hangs holds up nobody's exit."""
    code = """
import time
from preflight.transport.pool import DaemonPool
DaemonPool(1, "hung").submit(time.sleep, 60)
"""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT, timeout=30)

    assert time.monotonic() - began < 20
