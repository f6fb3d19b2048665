"""
Throw-away copies of the cached roots, one scenario each.

An overlay over the cached root takes what a scenario writes; it is mounted at
the same place every time, so that what was read of a root's own files is
known again.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.builds import place
from tests.conformance.scenario import Scenario
from tests.hosts import roots, runs


class Stage:
    """Where scenarios are laid out; *directory* is a run's own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextlib.contextmanager
    def laid_out(self, scenario: Scenario, name: str) -> Iterator[Path]:
        """Yield the root called *name* with the scenario's files in it."""
        upper, work, root = (self._directory / f"{part}-{name}" for part in ("up", "work", "root"))
        for path in (upper, work, root):
            path.mkdir(parents=True)
        below = f"lowerdir={roots.path_of(name)},upperdir={upper},workdir={work}"
        runs.mount("overlay", "overlay", root, below)
        try:
            runs.mount("proc", "proc", root / "proc")
            place(root, scenario.files)
            if scenario.prepare is not None:
                scenario.prepare(root)
            yield root
        finally:
            subprocess.run(["umount", "--recursive", root], check=True)
            for path in (upper, work, root):
                shutil.rmtree(path)
