"""
Differential fuzzing of the emulated loaders against the real ones.

``python -m tests.fuzz --graphs 2000`` judges and starts random graphs in every
root; where the two differ it shrinks the graph and writes it down.
"""

# ruff: noqa: T201 (a command prints)

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec

from tests.fuzz import arena
from tests.fuzz.generate import generate


def work(first: int, step: int, count: int, names: tuple[str, ...], keep: str) -> Counter[str]:
    """Try every *step*-th seed."""
    tally: Counter[str] = Counter()
    with arena.opened(names) as rings:
        for seed in range(first, count, step):
            for name, ring in rings.items():
                graph = generate(seed, ring.interpreter)
                trial = ring.trial(graph)
                tally["trials"] += 1
                if trial.problem is None:
                    tally[trial.predicted.split("'")[1]] += 1
                    continue
                tally[f"{trial.problem} on {name}"] += 1
                small = arena.shrunk(ring, graph, trial.problem)
                again = ring.trial(small)
                data = msgspec.json.format(msgspec.json.encode(small), indent=1)
                said = f"seed {seed} on {name}: {trial.problem}\n  ours   {again.predicted}"
                print(f"{said}\n  theirs {again.real}\n{data.decode()}\n", end="", flush=True)
                if keep:
                    Path(keep, f"{name}-{seed}.json").write_bytes(data)
    return tally


def main() -> int:
    """Run; exit status 1 where something differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--graphs", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--roots", default=",".join(arena.ROOTS))
    parser.add_argument("--keep", default="", help="a directory for the shrunk graphs")
    options = parser.parse_args()
    names = tuple(options.roots.split(","))
    began = time.monotonic()
    end = options.first + options.graphs
    with ProcessPoolExecutor(2) as pool:
        jobs = [pool.submit(work, options.first + n, 2, end, names, options.keep) for n in range(2)]
        tally = sum((job.result() for job in jobs), Counter())
    for what, number in sorted(tally.items()):
        print(f"{what:24} {number}")
    print(f"{time.monotonic() - began:.0f} s")
    return int(tally["trials"] != tally["deployable"] + tally["blocked"])


if __name__ == "__main__":
    sys.exit(main())
