"""How preflight and bare paramiko are started over the same hosts, and what of them is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.fleet.measure import Usage, run

PROBED = (0, 1)  # exit statuses of a check that reached every host


def offers(option: str) -> bool:
    """Whether `preflight check` has *option*."""
    command = [sys.executable, "-m", "preflight", "check", "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return option in said


@contextmanager
def home() -> Iterator[Clients]:
    """Yield clients with a home, a cache and an environment of their own."""
    # Not in memory: the cache lies where an ordinary one lies.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        yield Clients(Path(directory))


class Clients:
    """Clients whose files lie under *directory*."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.output = directory / "output"
        self.env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOME": str(directory),
            "XDG_CACHE_HOME": str(directory / "cache"),
            "XDG_STATE_HOME": str(directory / "state"),
            "LANG": "C.UTF-8",
        }

    def preflight(
        self,
        binary: Path,
        inventory: Path,
        options: Sequence[str],
        statuses: Sequence[int] = PROBED,
    ) -> Usage:
        """Return what one check took; raises RuntimeError where a host was not reached."""
        command = ["-m", "preflight", "check", str(binary), "-i", str(inventory), *options]
        usage = run([sys.executable, *command], self.output, self.env)
        # Runs are kept for `--resume`; here nobody comes back to them.
        shutil.rmtree(self.directory / "state", ignore_errors=True)
        if usage.status not in statuses:
            raise RuntimeError(f"preflight ended with {usage.status}: {self.complaint()}")
        return usage

    def python(self, module: str, *arguments: str | Path) -> Usage:
        """Return what a client of ours took; its last line is the number of hosts that answered."""
        usage = run([sys.executable, "-m", module, *arguments], self.output, self.env)
        if usage.status:
            raise RuntimeError(f"{module} ended with {usage.status}: {self.complaint()}")
        return usage

    def tail(self) -> str:
        """Return the end of the last client's standard output."""
        return self.output.read_text("utf-8", "replace")[-2000:]

    def complaint(self) -> str:
        """Return the end of all that the last client said."""
        errors = self.output.with_suffix(".err").read_text("utf-8", "replace")
        return f"{self.tail()}\n{errors[-2000:]}"
