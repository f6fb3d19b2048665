"""Where an inventory comes from: files, standard input, lists on the command line."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO, TypeAlias

from preflight.errors import InventoryError, UsageError
from preflight.inventory import ansible, host_list, yaml_file
from preflight.inventory.ansible import detect
from preflight.inventory.ansible.needed import PREFIX, NeedsAnsible
from preflight.inventory.declared import Declared
from preflight.inventory.document import MAX_BYTES
from preflight.inventory.resolve import resolve
from preflight.inventory.selection import Inventory
from preflight.inventory.values import unreadable

Source: TypeAlias = str | os.PathLike[str]
DEFAULT_FILE = "inventory.yaml"
VARIABLE = "PREFLIGHT_INVENTORY"
STDIN = "<stdin>"
# Before digits and a comma it is a host of that name, and a port.
_PREFIXED = re.compile(rf"(?:{PREFIX}|{detect.OURS})(?![0-9]+,)")


def load(
    sources: Source | Sequence[Source], *, stdin: TextIO | None = None, may_run: bool = True
) -> Inventory:
    """
    Return the hosts of all *sources*, or of the one; *stdin* is what ``-`` reads.

    A source ``ansible:PATH`` may have ``ansible-inventory`` and what it names
    run, unless *may_run* is False; any other source runs nothing.
    Raises `InventoryError` for what is wrong in a source, or between two.
    """
    given = [sources] if isinstance(sources, str | os.PathLike) else sources
    written = [os.fspath(source) for source in given]
    declared = [_declare(source, stdin, may_run=may_run) for source in written]
    hosts = resolve(declared)
    if not hosts:
        names = [STDIN if source == "-" else source for source in written]
        raise InventoryError(
            f"{', '.join(names) or 'inventory'}: there is no host in it",
            "add 'hosts: {web-1: {}}', or give a list: -i web-1,web-2,",
        )
    groups: dict[str, dict[str, None]] = {}
    for group in (group for source in declared for group in source.groups.values()):
        groups.setdefault(group.name, {}).update(dict.fromkeys(group.members))
    return Inventory(
        hosts,
        {name: tuple(members) for name, members in groups.items()},
        tuple(dict.fromkeys(remark for one in declared for remark in one.remarks)),
    )


def file_of(source: str) -> str:
    """Return the file that a source names, without what says its format."""
    return source.removeprefix(PREFIX).removeprefix(detect.OURS)


def discover(environ: Mapping[str, str], cwd: Path, *, project: Sequence[str] = ()) -> list[str]:
    """
    Return the sources to read when none is named; raises `UsageError` when there are none.

    That is what PREFLIGHT_INVENTORY holds (one source: a file, ``-`` or a
    list), or else the *project*'s own, or else inventory.yaml in *cwd*.
    """
    if source := environ.get(VARIABLE):
        return [source]
    if project:
        return list(project)
    path = cwd / DEFAULT_FILE
    if path.exists():
        return [str(path)]
    raise UsageError(
        f"no inventory: {DEFAULT_FILE} is not in this directory and {VARIABLE} is not set",
        "name one with -i FILE or -i web1,web2, or check this machine itself with --local",
    )


def _declare(source: str, stdin: TextIO | None, *, may_run: bool) -> Declared:
    if not file_of(source):
        raise UsageError("the name of the inventory is empty", "name one: -i FILE or -i web1,web2")
    name, path = STDIN, None
    if _PREFIXED.match(source):
        path = Path(file_of(source))
        if source.startswith(PREFIX):
            return ansible.read_source(path, file_of(source), may_run=may_run)
        return yaml_file.read(_read_file(path, str(path)), str(path), path.parent.absolute())
    if source == "-":
        if stdin is None:
            raise UsageError("there is no standard input to read", "name a file instead of '-'")
        raw = _read_stream(stdin)
    elif "," in source:
        return host_list.read(source)
    else:
        name, path = source, Path(source)
        if path.is_dir():
            return ansible.read_source(path, name, may_run=False)
        raw = _read_file(path, name)
    return _read_either(raw, name, path)


def _read_either(raw: bytes, name: str, path: Path | None) -> Declared:
    """Return what a text says whose format is told by its content."""
    base = Path.cwd() if path is None else path.parent.absolute()
    try:
        found = detect.format_of(raw, name)
    except NeedsAnsible as needed:
        raise needed.refusal(name) from None
    if found.format == "preflight" and found.root is not None:
        return yaml_file.read_root(found.root, base)
    return ansible.read_found(found, raw, name, None if path is None else base)


def _read_stream(stream: TextIO) -> bytes:
    """Return the bytes of a stream, whatever encoding the locale has given it."""
    if buffer := getattr(stream, "buffer", None):
        raw: bytes = buffer.read(MAX_BYTES + 1)
        return raw
    return stream.read(MAX_BYTES + 1).encode("utf-8", "surrogatepass")


def _read_file(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as problem:
        number = getattr(problem, "errno", None) or errno.EINVAL
        hint = "name the inventory file; a list of hosts holds a comma: -i web1,"
        if number == errno.EACCES:
            hint = "make it readable for this user"
        raise InventoryError(unreadable(name, number), hint) from None
