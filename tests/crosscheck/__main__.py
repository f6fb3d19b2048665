"""
Cross-judgement: every program and library of some roots in every other root.

``python -m tests.crosscheck`` judges them, lets kernel and loaders speak, and
says where the two differ.  What they said is kept, so that a second run only
judges.  Needs root on Debian.
"""

# ruff: noqa: T201 (a command prints)

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from tests.crosscheck import recipes, stage
from tests.crosscheck.oracle import Oracle
from tests.crosscheck.pairs import Difference, Pair, compare, gather, is_comparable, wanted_of
from tests.crosscheck.prediction import Target
from tests.crosscheck.record import Record

CHUNK = 250


class Task(NamedTuple):
    """Some files of one source, to be judged in every target."""

    source: str
    tree: Path
    files: tuple[str, ...]
    targets: dict[str, Path]
    caches: dict[str, Path]  # where the targets come from


class Tally(NamedTuple):
    """What a task came to."""

    pairs: int
    judge_s: float
    judged: int
    differences: list[Difference]


def work(task: Task) -> Tally:
    """Judge one chunk."""
    differences: list[Difference] = []
    pairs, judge_s, judged = 0, 0.0, 0
    for name, place in task.targets.items():
        target = Target(name, place)
        with ExitStack() as stack:
            speak = cache(partial(_open, stack, place))
            record = stack.enter_context(Record(task.tree, task.caches[name], task.files[0]))
            for pair in _pairs(task, name, target):
                wanted = wanted_of(pair, target)
                if wanted.elf is None or not is_comparable(pair, wanted.elf, target):
                    continue
                evidence = record.get(pair)
                if evidence is None:
                    evidence = gather(pair, wanted, target, speak())
                    record.put(pair, evidence)
                pairs += 1
                differences += compare(pair, wanted, target, evidence)
        judge_s += target.seconds
        judged += target.judged
    return Tally(pairs, judge_s, judged, differences)


def _open(stack: ExitStack, place: Path) -> Oracle:
    return stack.enter_context(Oracle(place))


def _pairs(task: Task, name: str, target: Target) -> Iterator[Pair]:
    libs = f"{stage.PLACE}/{task.source}/usr/lib/x86_64-linux-gnu"
    for file in task.files:
        path = f"{stage.PLACE}/{task.source}{file}"
        if target.libc("musl", "x86_64"):
            yield Pair(name, path, {"LD_LIBRARY_PATH": libs}, "musl")
        else:
            yield Pair(name, path, {}, "glibc")
            yield Pair(name, path, {"LD_LIBRARY_PATH": libs}, "glibc")


def main() -> int:
    """Run everything; exit status 1 where something differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.crosscheck", description=__doc__)
    parser.add_argument("--sources", default=",".join(recipes.SOURCES))
    parser.add_argument("--targets", default=",".join(recipes.TARGETS))
    parser.add_argument(
        "--every", type=int, default=4, help="only every Nth file; 1 takes half an hour"
    )
    parser.add_argument("--show", type=int, default=3, help="examples of each difference")
    options = parser.parse_args()
    sources = {name: recipes.made(name) for name in options.sources.split(",")}
    targets = {name: recipes.made(name) for name in options.targets.split(",")}
    began = time.monotonic()
    with stage.set_up(targets, sources) as places:
        tasks = list(_tasks(sources, places, targets, options.every))
        with ProcessPoolExecutor(2) as pool:
            tallies = list(pool.map(work, tasks))
    _print(tallies, options.show, time.monotonic() - began)
    return int(any(one.what != "undecided" for tally in tallies for one in tally.differences))


def _tasks(
    sources: dict[str, Path], places: dict[str, Path], caches: dict[str, Path], every: int
) -> Iterator[Task]:
    for name, tree in sources.items():
        files = list(stage.elf_files(tree))[::every]
        for start in range(0, len(files), CHUNK):
            yield Task(name, tree, tuple(files[start : start + CHUNK]), places, caches)


def _print(tallies: Sequence[Tally], show: int, seconds: float) -> None:
    everything = [one for tally in tallies for one in tally.differences]
    undecided = [one for one in everything if one.what == "undecided"]
    differences = [one for one in everything if one.what != "undecided"]
    pairs = sum(tally.pairs for tally in tallies)
    judge_s = sum(tally.judge_s for tally in tallies)
    judged = sum(tally.judged for tally in tallies)
    kinds = Counter((one.what, one.target) for one in differences)
    shown: Counter[tuple[str, str]] = Counter()
    for one in differences:
        kind = (one.what, one.target)
        shown[kind] += 1
        if shown[kind] <= show:
            print(f"{one.what} [{one.target}] {one.path}\n  ours   {one.predicted[:600]}")
            print(f"  theirs {one.real[:600]}")
    for (what, name), number in sorted(kinds.items()):
        print(f"{what:10} {name:12} {number}")
    reasons = Counter((one.target, _reason(one)) for one in undecided)
    for (name, reason), number in sorted(reasons.items()):
        print(f"unknown    {name:12} {number}: {reason}")
    bad = len({(one.target, one.path, one.env) for one in differences})
    agree = pairs - bad - len(undecided)
    print(f"{pairs} pairs, {agree} agree, {bad} differ, {len(undecided)} said to be unknown")
    print(f"{seconds:.0f} s in all")
    if judge_s:
        print(f"{judged / judge_s:.0f} verdicts a second in one process")


def _reason(one: Difference) -> str:
    """Return the first reason, without the file that it speaks of."""
    return one.predicted.partition(": ")[2].partition("'")[0][:120] or one.predicted[:120]


if __name__ == "__main__":
    sys.exit(main())
