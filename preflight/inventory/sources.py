"""Where an inventory comes from: files, standard input, lists on the command line."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from preflight.errors import InventoryError, UsageError
from preflight.inventory import host_list, yaml_file
from preflight.inventory.declared import Declared
from preflight.inventory.document import MAX_BYTES
from preflight.inventory.resolve import resolve
from preflight.inventory.selection import Inventory
from preflight.inventory.values import unreadable

DEFAULT_FILE = "inventory.yaml"
VARIABLE = "PREFLIGHT_INVENTORY"
STDIN = "<stdin>"


def load(sources: Sequence[str], *, stdin: TextIO | None = None) -> Inventory:
    """
    Return the hosts of all *sources*; *stdin* is what ``-`` reads.

    Raises `InventoryError` for what is wrong in a source, or between two.
    """
    declared = [_declare(source, stdin) for source in sources]
    hosts = resolve(declared)
    if not hosts:
        names = [STDIN if source == "-" else source for source in sources]
        raise InventoryError(
            f"{', '.join(names) or 'inventory'}: there is no host in it",
            "add 'hosts: {web-1: {}}', or give a list: -i web-1,web-2,",
        )
    groups: dict[str, dict[str, None]] = {}
    for group in (group for source in declared for group in source.groups.values()):
        groups.setdefault(group.name, {}).update(dict.fromkeys(group.members))
    return Inventory(hosts, {name: tuple(members) for name, members in groups.items()})


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


def _declare(source: str, stdin: TextIO | None) -> Declared:
    if not source:
        raise UsageError("the name of the inventory is empty", "name one: -i FILE or -i web1,web2")
    if source == "-":
        if stdin is None:
            raise UsageError("there is no standard input to read", "name a file instead of '-'")
        return yaml_file.read(_read_stream(stdin), STDIN, Path.cwd())
    if "," in source:
        return host_list.read(source)
    path = Path(source)
    return yaml_file.read(_read_file(path, source), source, path.parent.absolute())


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
