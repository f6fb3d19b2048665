"""
Which format a source has, by its content.

preflight's YAML has ``defaults``, ``groups`` or ``hosts`` at the top; Ansible's
has names of groups there, with ``hosts``, ``children`` or ``vars`` below; a
section in brackets is INI.  What could be two of them is an error.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct
from yaml.nodes import MappingNode, Node, ScalarNode

from preflight.errors import InventoryError
from preflight.inventory import document
from preflight.inventory.ansible import ini, yaml_groups
from preflight.inventory.ansible.fleet import ALL, UNGROUPED
from preflight.inventory.ansible.needed import PREFIX, VAULT_HEADER, NeedsAnsible
from preflight.inventory.values import quoted

Format = Literal["preflight", "ini", "yaml"]

OURS = "preflight:"
_OUR_KEYS = frozenset(("defaults", "groups", "hosts"))
_YAML_NAME = re.compile(r"\.(?:ya?ml|json)$")
_INI_LINE = re.compile(r"[^\s:=\[\]{}'\"]\S*(?<!:)(?:\s+[^\s=]+=.*)?(?:\s*#.*)?")

_OPEN_SECTION = re.compile(r"\[[^\s:,\[\]{}'\"]+(?::\w*)?(?:\s*#.*)?")  # whose end was forgotten


def needs_ansible(raw: bytes, name: str) -> None:
    """Raise `NeedsAnsible` for what is no inventory to read, but to run or to decrypt."""
    if raw.startswith(b"#!"):
        raise NeedsAnsible(name, "is a program")
    if raw.startswith(VAULT_HEADER):
        raise NeedsAnsible(name, "is encrypted")
    if name.endswith(".toml"):
        raise NeedsAnsible(name, "is TOML")


class Found(Struct, frozen=True):
    """A format, and what a YAML file holds."""

    format: Format
    root: Node | None = None


def format_of(raw: bytes, name: str) -> Found:
    """
    Return which format the inventory *raw* has; *name* counts only by its ending.

    What is none of Ansible's is ours, whose reader says best what is wrong.
    Raises `InventoryError` for what could be both, `NeedsAnsible`.
    """
    needs_ansible(raw, name)
    if _is_ini(raw, name):
        return Found("ini")
    root = document.compose(raw, name)
    return Found(_of_yaml(root, name), root)


def format_of_ansible(raw: bytes, name: str) -> Found:
    """Return which of Ansible's formats *raw* has, where it is one of them."""
    if raw.startswith(b"\x7fELF"):
        raise NeedsAnsible(name, "is a program")
    needs_ansible(raw, name)
    if _is_ini(raw, name):
        return Found("ini")
    root = document.compose(raw, name, example="all: {hosts: {web-1: {}}}")
    _check_plugin(root)
    return Found("yaml", root)


def _is_ini(raw: bytes, name: str) -> bool:
    if _YAML_NAME.search(name) or len(raw) > document.MAX_BYTES or b"\0" in raw:
        return False
    lines = [line.strip() for line in raw.decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith(("#", ";"))]
    if any(ini.SECTION.fullmatch(line) for line in lines):
        return True
    alike = (_INI_LINE.fullmatch(line) or _OPEN_SECTION.fullmatch(line) for line in lines)
    return bool(lines) and all(alike) and "---" not in lines


def _of_yaml(root: Node, name: str) -> Format:
    if not isinstance(root, MappingNode):
        return "preflight"
    _check_plugin(root)
    pairs = [(key.value, value) for key, value in root.value if isinstance(key, ScalarNode)]
    ours = [key for key, value in pairs if key in _OUR_KEYS and not _is_group(value)]
    theirs = [key for key, value in pairs if key in (ALL, UNGROUPED) or _is_group(value)]
    if (ours and theirs) or _OUR_KEYS & set(theirs):
        raise InventoryError(
            f"{document.place(root)}: this may be an inventory of preflight's"
            f" ({', '.join(map(quoted, ours or theirs))}), or of Ansible's"
            f" (group {', '.join(map(quoted, theirs))})",
            f"say which: -i {OURS}{name} or -i {PREFIX}{name}",
        )
    return "yaml" if theirs else "preflight"


def _is_group(node: Node) -> bool:
    """Return whether a value is a group of Ansible's, and cannot be anything else."""
    if not isinstance(node, MappingNode) or not node.value:
        return False
    below = {key.value: value for key, value in node.value if isinstance(key, ScalarNode)}
    known = [below[key] for key in yaml_groups.SECTIONS if key in below]
    return len(known) == len(node.value) and all(
        isinstance(value, MappingNode | ScalarNode) for value in known
    )


def _check_plugin(root: Node | None) -> None:
    if isinstance(root, MappingNode):
        for key, value in root.value:
            plain = isinstance(key, ScalarNode) and isinstance(value, ScalarNode)
            if plain and key.value == "plugin":
                raise NeedsAnsible(document.place(key), f"is for the plugin {quoted(value.value)}")
