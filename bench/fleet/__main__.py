"""
Plays thousands of hosts, and measures preflight and bare paramiko over them.

    python -m bench.fleet [--hosts N] [--repeat N] [--json FILE]
    python -m bench.fleet serve N       plays N hosts until it is interrupted

Needs root on Debian.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from pathlib import Path

from bench.fleet import network
from bench.fleet.addresses import addresses
from bench.fleet.clients import home
from bench.fleet.results import RESULTS, Machine, Results, measure_lines
from bench.fleet.scale import Scale
from bench.fleet.serving import serving
from tests.hosts import roots


def serve(count: int) -> None:
    """Print the path of an inventory of *count* hosts, and keep them up until SIGINT or SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with serving() as served, contextlib.suppress(KeyboardInterrupt):
        print(served.inventory(addresses(count)), flush=True)
        while True:
            signal.pause()


def measure(hosts: int, repetitions: int, path: Path) -> None:
    """Measure everything, print it, and write it to *path*."""
    roots.build()  # while there is a network to build them from
    network.enter("bench.fleet")
    machine = Machine.this("paramiko", "asyncssh", "uvloop")
    with serving() as served, home() as clients:
        scale = Scale(served, clients, hosts)
        scale.fill()
        scale.alternate(repetitions)
        scale.large()
    results = Results(machine, scale.runs.all, list(scale.measures()))
    results.write(path)
    print(*measure_lines(results.measures), sep="\n")


def main() -> None:
    """Serve or measure, as the command line says."""
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(prog="python -m bench.fleet")
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, default=RESULTS / "fleet.json")
    values = parser.parse_args()
    measure(values.hosts, values.repeat, values.json)


if __name__ == "__main__":
    main()
