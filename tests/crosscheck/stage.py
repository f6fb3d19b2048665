"""
Sets the stage: every target root as a host would have it, every source root mounted within.

A file of source S lies at ``/mnt/src/S/…`` in every target, without set-uid
and read-only; what a target writes ends with the run.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.hosts import runs

PLACE = "/mnt/src"


@contextlib.contextmanager
def set_up(targets: Mapping[str, Path], sources: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """Yield the directory of each target, ready to run programs of every source."""
    with runs.started() as directory:
        # Mounts within are of no use to the sshd that other tests run.
        subprocess.run(["mount", "--make-private", directory], check=True)
        places = {}
        for name, cached in targets.items():
            root = runs.mount_root(cached, directory, name)
            for source, tree in sources.items():
                _bind(tree, root / PLACE.lstrip("/") / source)
            places[name] = root
        yield places


def _bind(tree: Path, place: Path) -> None:
    place.mkdir(parents=True)
    subprocess.run(["mount", "--bind", tree, place], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro,nosuid,nodev", place], check=True)


def elf_files(tree: Path) -> Iterator[str]:
    """Yield the path within *tree* of every ELF file that nobody may read, sorted."""
    for directory, subdirectories, names in os.walk(tree):
        subdirectories.sort()
        for name in sorted(names):
            path = os.path.join(directory, name)
            info = os.lstat(path)
            if stat.S_ISREG(info.st_mode) and info.st_mode & 0o004 and _is_elf(path):
                yield path.removeprefix(str(tree))


def _is_elf(path: str) -> bool:
    with open(path, "rb") as file:
        head = file.read(18)
    # ET_EXEC and ET_DYN, in either byte order.
    return head[:4] == b"\x7fELF" and head[16:18] in (b"\2\0", b"\3\0", b"\0\2", b"\0\3")
