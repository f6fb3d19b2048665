"""A directory tree, as it lies on this machine; links are not followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from preflight.analyze.bundles.item import Item


def walk(path: str) -> Iterator[Item]:
    """Yield what lies under *path*, a directory at a time; raises `OSError`."""
    waiting = [(Path(path), "")]
    while waiting:
        directory, prefix = waiting.pop()
        below = []
        for item in _walk(directory, prefix):
            yield item
            if item.kind == "directory":
                below.append((Path(path, item.path), f"{item.path}/"))
        waiting += reversed(below)


def _walk(directory: Path, prefix: str) -> Iterator[Item]:
    with os.scandir(directory) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        state = entry.stat(follow_symlinks=False)
        inner, mode = prefix + entry.name, stat.S_IMODE(state.st_mode)
        if entry.is_symlink():
            yield Item(inner, "symlink", mode, target=str(Path(entry.path).readlink()))
        elif entry.is_dir(follow_symlinks=False):
            yield Item(inner, "directory", mode)
        elif not entry.is_file(follow_symlinks=False):
            yield Item(inner, "other", mode)
        else:
            descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
                yield Item(inner, "file", mode, state.st_size, content=file)
