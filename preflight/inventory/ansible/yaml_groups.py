"""
Ansible's YAML inventories: groups at the top, with ``hosts``, ``children`` and ``vars`` below.

Source: Ansible's ``ansible.builtin.yaml`` inventory plugin, its documentation.
"""

from __future__ import annotations

from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import Node, ScalarNode

from preflight.inventory import document
from preflight.inventory.ansible import names
from preflight.inventory.ansible.fleet import Fleet, Value, Variables
from preflight.inventory.ansible.words import theirs
from preflight.inventory.values import Refusal, quoted

SECTIONS = ("vars", "children", "hosts")
_TAG = "tag:yaml.org,2002:"
_TYPED = frozenset(_TAG + kind for kind in ("int", "float", "bool", "null"))
_VAULT = ("!vault", "!vault-encrypted")


def read(root: Node, fleet: Fleet) -> None:
    """Add what an inventory says to *fleet*; raises `InventoryError` at ``name:line:``."""
    _Reader(fleet).read(root)


def variables(node: Node, what: str) -> Variables:
    """Return the variables of a mapping."""
    return {name: value(node) for name, (_, node) in document.items(node, what).items()}


def value(node: Node) -> Value:
    """Return a variable's value as text, as Python writes what YAML means by it."""
    place = document.place(node)
    if node.tag in _VAULT:
        return Value(None, place, "vault")
    if not isinstance(node, ScalarNode):
        return Value(None, place, "other")
    if node.tag == "!unsafe":
        return Value(node.value, place, "raw")
    if node.tag not in _TYPED:
        return Value(node.value, place)
    try:
        typed = SafeConstructor().construct_object(node)
    except (ConstructorError, ValueError):
        return Value(node.value, place)
    return Value(None if typed is None else str(typed), place)


class _Reader:
    """One file, group by group."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.seen: set[tuple[str, int]] = set()  # aliases can repeat a group cheaply

    def read(self, root: Node) -> None:
        for name, (key, node) in document.items(root, "the inventory").items():
            self._group(name, key, node)

    def _group(self, name: str, key: Node, node: Node) -> None:
        what = f"group {quoted(name)}"
        group = self.fleet.add_group(name, document.place(key))
        if (name, id(node)) in self.seen:
            return
        self.seen.add((name, id(node)))
        for section, (section_key, below) in document.items(node, what).items():
            if section == "vars":
                for variable, given in variables(below, f"'vars' of {what}").items():
                    group.set(variable, given)
            elif section == "children":
                for child, (child_key, value_node) in _section(below, section, what).items():
                    self._group(child, child_key, value_node)
                    group.children[child] = None
            elif section == "hosts":
                self._hosts(name, _section(below, section, what))
            else:
                self.fleet.remark(
                    document.place(section_key),
                    f"{quoted(section)} in {what} means nothing: a group has hosts, children, vars",
                )

    def _hosts(self, group: str, found: document.Items) -> None:
        for written, (key, node) in found.items():
            place = document.place(key)
            try:
                hosts, port = names.expand(written)
            except Refusal as refusal:
                raise theirs(refusal, ": ").at(place) from None
            if key.tag != _TAG + "str":
                hint = f'write it as "{written}"'
                raise document.error(key, f"host {quoted(written)} is a number to YAML", hint)
            own = variables(node, f"host {quoted(written)}")
            of_port = None if port is None else Value(str(port), place)
            for name in hosts:
                self.fleet.add_host(group, name, of_port, place).update(own)


def _section(node: Node, section: str, what: str) -> document.Items:
    """Return the items of ``hosts`` or ``children``; a single name may stand without a mapping."""
    if isinstance(node, ScalarNode) and node.tag == _TAG + "str":
        return {node.value: (node, ScalarNode(_TAG + "null", "", node.start_mark, node.end_mark))}
    return document.items(node, f"{section!r} of {what}")
