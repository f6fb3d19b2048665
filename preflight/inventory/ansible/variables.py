"""
What holds for each host: groups, then ``group_vars``, then the host, then ``host_vars``.

The directories are read beside the inventory and in the working directory,
which is where a playbook is run.  Source: Ansible's documentation, "Variable
precedence: where should I put a variable?", levels 3 to 10.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from preflight.errors import InventoryError
from preflight.inventory import document
from preflight.inventory.ansible import yaml_groups
from preflight.inventory.ansible.fleet import ALL, Fleet, Settled, Variables
from preflight.inventory.ansible.needed import VAULT_HEADER, NeedsAnsible
from preflight.inventory.values import unreadable

_EXTENSIONS = ("", ".yml", ".yaml", ".json")


class Resolver:
    """The variables of each host of a settled fleet; *directories* hold ``group_vars``."""

    def __init__(
        self, fleet: Fleet, settled: Settled, directories: Sequence[Path], *, strict: bool
    ) -> None:
        self._fleet = fleet
        self._settled = settled
        self._of_groups = [_Files(d / "group_vars", fleet, strict=strict) for d in directories]
        self._of_hosts = [_Files(d / "host_vars", fleet, strict=strict) for d in directories]
        self._bases: dict[tuple[str, ...], Variables] = {}

    def variables(self, host: str) -> Variables:
        """Return all that is set for a host, the last word of each."""
        groups = self._settled.groups_of(host)
        if groups not in self._bases:
            self._bases[groups] = self._base(groups)
        found = self._bases[groups] | self._fleet.hosts[host]
        for files in self._of_hosts:
            found |= files.variables(host)
        return found

    def _base(self, groups: tuple[str, ...]) -> Variables:
        found: Variables = {}
        for name in (ALL, *groups):
            found |= self._settled.groups[name].variables
        for names in ((ALL,), groups):
            for files in self._of_groups:
                for name in names:
                    found |= files.variables(name)
        return found


class _Files:
    """One ``group_vars`` or ``host_vars``: for a name a file, or a directory of files."""

    def __init__(self, directory: Path, fleet: Fleet, *, strict: bool) -> None:
        self._directory = directory
        self._fleet = fleet
        self._strict = strict
        try:
            self._names = frozenset(os.listdir(directory))  # noqa: PTH208  (names are enough)
        except (FileNotFoundError, NotADirectoryError):
            self._names = frozenset()
        except OSError as problem:
            raise _cannot_read(directory, problem) from None
        self._read: dict[str, Variables] = {}

    def variables(self, name: str) -> Variables:
        """Return what the files of a group or a host say, the later ones first in weight."""
        if not self._names:
            return {}
        if name not in self._read:
            self._read[name] = {}
            for path in self._files(name):
                self._read[name] |= self._variables(path)
        return self._read[name]

    def _files(self, name: str) -> Iterator[Path]:
        for extension in _EXTENSIONS:
            if name + extension in self._names:
                path = self._directory / (name + extension)
                yield from _below(path) if path.is_dir() else [path]
                return

    def _variables(self, path: Path) -> Variables:
        raw = read_file(path)
        if raw.startswith(VAULT_HEADER):
            if self._strict:
                raise NeedsAnsible(str(path), "is encrypted")
            self._fleet.remark(
                str(path),
                "encrypted, so what it sets is not known (-i ansible:… has ansible-inventory"
                " read it)",
            )
            return {}
        root = document.compose_any(raw, str(path), "file of variables")
        return {} if root is None else yaml_groups.variables(root, "the file of variables")


def read_file(path: Path) -> bytes:
    """Return a file's bytes, one more than an inventory may have at the most."""
    try:
        with path.open("rb") as file:
            return file.read(document.MAX_BYTES + 1)
    except OSError as problem:
        raise _cannot_read(path, problem) from None


def _below(directory: Path) -> Iterator[Path]:
    """Yield the files of a directory as Ansible takes them: sorted, no hidden and backup ones."""
    try:
        names = sorted(os.listdir(directory))  # noqa: PTH208  (names are enough)
    except OSError as problem:
        raise _cannot_read(directory, problem) from None
    for name in names:
        path = directory / name
        if name.startswith(".") or name.endswith("~"):
            continue
        if path.is_dir() and not path.suffix:
            yield from _below(path)
        elif path.is_file() and path.suffix in _EXTENSIONS:
            yield path


def _cannot_read(path: Path, problem: OSError) -> InventoryError:
    return InventoryError(
        unreadable(str(path), problem.errno or 0), "make it readable for this user, or remove it"
    )
