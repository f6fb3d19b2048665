"""The test hosts by hand: ``python -m tests.hosts up`` prints the inventory, ``down`` ends them."""

# ruff: noqa: T201 (a command prints)

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time

from tests.catalogue import making
from tests.hosts import artefacts, fleet, roots, runs
from tests.hosts.recipes import WITH_LISTS

# A link to the directory of the run that was started by hand.
BY_HAND = runs.RUNS / "by-hand"
DOWN_WITHIN_S = 20.0


def build() -> int:
    """Build the roots, and fetch the artefacts, that are not in the cache."""
    others = {WITH_LISTS.name: roots.made_by(WITH_LISTS)} | artefacts.build()
    built = roots.build() | others
    making.build()
    for name, path in built.items():
        print(f"{name:10} {path}")
    return 0


def up() -> int:
    """Start the hosts in the background and print the path of their inventory."""
    if not _is_up():
        roots.build()
        # Not our own standard error, or whoever reads it in a pipe would wait for the hosts' end.
        with tempfile.TemporaryFile("w+") as said:
            server = subprocess.Popen(
                [sys.executable, "-m", "tests.hosts", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,
            )
            if not server.stdout or not server.stdout.readline():
                said.seek(0)
                sys.stderr.write(said.read())
                return 1
    return inventory()


def serve() -> int:
    """Keep the hosts up until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with fleet.running() as running:
        BY_HAND.unlink(missing_ok=True)
        BY_HAND.symlink_to(running.directory.name)
        print(running.inventory, flush=True)
        # Nobody reads further lines; the pipe's other end is about to close.
        sys.stdout = sys.stderr
        while True:
            signal.pause()


def down() -> int:
    """End the hosts that `up` started, if any."""
    if _is_up():
        run = BY_HAND.resolve()
        os.kill(int(runs.lock_of(run).read_text()), signal.SIGTERM)
        deadline = time.monotonic() + DOWN_WITHIN_S
        while runs.is_alive(run) and time.monotonic() < deadline:
            time.sleep(0.05)
    BY_HAND.unlink(missing_ok=True)
    runs.clear_killed()
    return 0


def inventory() -> int:
    """Print the path of the inventory of the hosts that are up."""
    if not _is_up():
        print("the hosts are not up; type: python -m tests.hosts up", file=sys.stderr)
        return 1
    print(BY_HAND / "inventory.yaml")
    return 0


def _is_up() -> bool:
    return BY_HAND.is_symlink() and runs.is_alive(BY_HAND.resolve())


COMMANDS = {command.__name__: command for command in (build, up, down, inventory, serve)}


def main() -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.hosts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.__doc__)
    return COMMANDS[parser.parse_args().command]()


if __name__ == "__main__":
    sys.exit(main())
