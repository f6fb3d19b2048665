"""
What the ssh configuration costs: hosts through preflight beside one ``ssh -G`` for each.

A fleet of one class, one with a Host line for each host and patterns besides,
and one without configuration; CPU time with that of the children, wall time beside it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from preflight.model.host import Host
from preflight.transport import Options
from preflight.transport.config.answers import Question
from preflight.transport.config.classes import Classes
from preflight.transport.config.reading import Source, read
from preflight.transport.settings import settings_for

HOSTS = 10_000
BLOCKS = 3_000
ASKED = 200  # hosts that ssh itself is asked for
ONE_CLASS = "Host web-*\n User deploy\n ProxyCommand nc %h %p\nHost *\n ServerAliveInterval 30\n"


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of CPU, with those of children, and of the clock."""
    before, start = os.times(), time.perf_counter()
    work()
    after = os.times()
    return sum(after[:4]) - sum(before[:4]), time.perf_counter() - start


def resolve(names: list[str], config: str) -> Callable[[], object]:
    """Return what gives each host its settings."""
    options = Options(ssh_config=config)
    return lambda: [settings_for(Host(name=name), options) for name in names]


def ask(names: list[str], config: str) -> Callable[[], object]:
    """Return what runs ssh once for each host."""

    def run() -> None:
        for name in names[:ASKED]:
            command = ["ssh", "-G", "-T", "-F", config, name]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    return run


def scan(names: list[str], config: Path) -> Callable[[], object]:
    """Return what reads a file and finds each host's class, without asking ssh."""

    def run() -> None:
        classes = Classes(read([Source(str(config))], (), "/etc/ssh"))
        for name in names:
            classes.key_of(Question(name))

    return run


def many_blocks() -> str:
    """Return a file with a Host line for each of some hosts, and patterns."""
    plain = (
        f"Host web-{n}\n HostName 10.0.{n >> 8}.{n & 255}\n Port 2222\n" for n in range(BLOCKS)
    )
    patterns = (f"Host *.dc{n}.example.com\n User dc{n}\n" for n in range(100))
    return "".join((*plain, *patterns))


def main() -> None:
    """Measure and print."""
    names = [f"web-{n}" for n in range(HOSTS)]
    with tempfile.TemporaryDirectory() as directory:
        one, many = Path(directory, "one"), Path(directory, "many")
        one.write_text(ONE_CLASS)
        many.write_text(many_blocks())
        none_cpu, none_wall = measured(resolve(names, "none"))
        ours_cpu, ours_wall = measured(resolve(names, str(one)))
        each_cpu, each_wall = (s / ASKED * HOSTS for s in measured(ask(names, str(one))))
        print(
            f"{HOSTS} hosts of one class: {ours_cpu:.2f} s CPU ({ours_wall:.2f} s);",
            f"without configuration {none_cpu:.2f} s ({none_wall:.2f} s);",
            f"ssh -G for each {each_cpu:.0f} s ({each_wall:.0f} s):",
            f"{each_cpu / ours_cpu:.0f} times as much",
        )
        scan_cpu, scan_wall = measured(scan(names, many))
        block_cpu, block_wall = measured(ask(names, str(many)))
        print(
            f"{HOSTS} hosts told apart by {BLOCKS} Host lines and 100 patterns:",
            f"{scan_cpu:.2f} s CPU ({scan_wall:.2f} s);",
            f"ssh -G with that file {block_cpu / ASKED * 1e3:.1f} ms CPU",
            f"({block_wall / ASKED * 1e3:.1f} ms) a host",
        )


if __name__ == "__main__":
    main()
