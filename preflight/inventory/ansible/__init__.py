"""
Ansible's inventories: what Ansible means by a file or a directory, preflight means.

    read_source(…)    a file or a directory              → Declared
    detect            which format a file has, by its content
    ini, yaml_groups  the static formats, read natively   → Fleet
    variables         group_vars, host_vars, and whose word counts
    connection        ansible_* variables                 → settings of a host
    program           ansible-inventory, for all else, where the user said that it may run

Limits: of ansible.cfg nothing is read, of templates only ``{{ name }}`` is filled.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from preflight.errors import InventoryError
from preflight.inventory.ansible import detect, ini, program, yaml_groups
from preflight.inventory.ansible.connection import Translator
from preflight.inventory.ansible.fleet import ALL, Fleet
from preflight.inventory.ansible.needed import NeedsAnsible
from preflight.inventory.ansible.variables import Resolver, read_file
from preflight.inventory.declared import Declared, Group
from preflight.inventory.values import quoted, unreadable

__all__ = ["read_found", "read_source"]

# What Ansible passes over in a directory of inventories (INVENTORY_IGNORE_EXTS, and always).
_IGNORED = re.compile(
    r"^\.|^(?:host_vars|group_vars|vars_plugins)$"
    r"|(?:\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.cfg|\.retry)$"
)
_MAX_FILES = 10_000


def read_source(path: Path, name: str, *, may_run: bool) -> Declared:
    """
    Return what a file or a directory says; *may_run*: programs may be run that it names.

    Raises `InventoryError`.
    """
    if not path.exists():
        raise InventoryError(
            unreadable(name, errno.ENOENT), "name an inventory of Ansible's, a file or a directory"
        )
    directory = path if path.is_dir() else path.parent
    fleet = Fleet()
    try:
        for file, shown in _files(path, name):
            _read(read_file(file), shown, fleet)
        return _declared(fleet, _directories(directory), strict=may_run, may_run=may_run)
    except NeedsAnsible as needed:
        if not may_run:
            raise needed.refusal(name) from None
    fleet = Fleet()
    program.read(path, name, fleet)
    return _declared(fleet, (), strict=False, may_run=may_run)


def read_found(found: detect.Found, raw: bytes, name: str, directory: Path | None) -> Declared:
    """Return what a text says whose format was told; no *directory*: it has no variables beside."""
    fleet = Fleet()
    try:
        _add(found, raw, name, fleet)
        directories = () if directory is None else _directories(directory)
        return _declared(fleet, directories, strict=False, may_run=False)
    except NeedsAnsible as needed:
        raise needed.refusal(name) from None


def _read(raw: bytes, name: str, fleet: Fleet) -> None:
    _add(detect.format_of_ansible(raw, name), raw, name, fleet)


def _add(found: detect.Found, raw: bytes, name: str, fleet: Fleet) -> None:
    if found.root is None:
        ini.read(raw, name, fleet)
    else:
        yaml_groups.read(found.root, fleet)


def _files(path: Path, name: str) -> Iterator[tuple[Path, str]]:
    """Yield a file, or those below a directory in Ansible's order, each with its name to show."""
    count = 0
    rest = [(path, name)]
    while rest:
        one, shown = rest.pop()
        if not one.is_dir():
            yield one, shown
            continue
        try:
            names = sorted(os.listdir(one), reverse=True)  # noqa: PTH208  (names are enough)
        except OSError as problem:
            hint = "make it readable for this user"
            raise InventoryError(unreadable(shown, problem.errno or 0), hint) from None
        count += len(names)
        if count > _MAX_FILES:
            raise InventoryError(f"{shown}: more than {_MAX_FILES:,} files", "name one of them")
        rest += [(one / n, f"{shown.rstrip('/')}/{n}") for n in names if not _IGNORED.search(n)]


def _directories(beside: Path) -> tuple[Path, ...]:
    """Return where variables are looked for: beside the inventory, then where one works."""
    here = Path.cwd()
    return (beside,) if beside.resolve() == here.resolve() else (beside, here)


def _declared(
    fleet: Fleet, directories: tuple[Path, ...], *, strict: bool, may_run: bool
) -> Declared:
    settled = fleet.settle()
    resolver = Resolver(fleet, settled, directories, strict=strict)
    translator = Translator(fleet, may_run=may_run)
    declared = Declared()
    for host, place in fleet.places.items():
        declared.declare(host, place)
        declared.hosts[host] = translator.settings(host, resolver.variables(host))
    for name, members in settled.members().items():
        if name == ALL or not members:
            continue
        place = fleet.groups[name].place
        if name not in fleet.hosts:
            declared.groups[name] = Group(name, place, tuple(members), {})
        elif set(members) != {name}:
            fleet.remark(place, f"group {quoted(name)} has a host's name, which patterns then mean")
    declared.remarks.extend(_said(fleet))
    return declared


def _said(fleet: Fleet) -> Iterator[str]:
    for text, places in fleet.remarks.items():
        more = len(places) - 1
        yield f"{places[0]}: {text}" + (f" (and at {more:,} more places)" if more else "")
