"""
The YAML inventory: ``defaults``, ``groups`` and ``hosts``.

To add a key of a host, add its reader to HOST_KEYS (and its field to `Host`);
to add one of a start, to START_KEYS.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from yaml.nodes import Node

from preflight.errors import InventoryError
from preflight.inventory import document, values
from preflight.inventory.declared import Declared, Group, Setting, Settings
from preflight.inventory.values import Refusal, quoted
from preflight.transport import TRANSPORTS

MAX_MEMBERS = 500_000  # of all groups: aliases can repeat a long list cheaply

Reader = Callable[[str, Path], str | int | bool]


def _transport(text: str, _: Path) -> str:
    if text not in TRANSPORTS:
        raise Refusal(
            f"unknown transport {quoted(text)}", f"the transports are {', '.join(TRANSPORTS)}"
        )
    return text


HOST_KEYS: dict[str, Reader] = {
    "address": lambda text, _: values.address(text),
    "port": lambda text, _: values.port(text),
    "user": lambda text, _: values.user(text),
    "identity_file": values.local_path,
    "known_hosts": values.local_path,
    "jump": lambda text, _: values.jump(text),
    "become_user": lambda text, _: values.user(text, "become_user"),
    "transport": _transport,
}
HOST_FLAGS = ("become",)
START_KEYS: dict[str, Reader] = {
    "install_path": lambda text, _: values.host_path(text),
    "cwd": lambda text, _: values.host_path(text),
    "run_as": lambda text, _: values.user(text, "run_as"),
    "argv0": lambda text, _: values.plain(text, "argv0"),
}
_KEYS_OF_START = (*START_KEYS, "secure", "env")
# What other tools call a key.
SYNONYMS = {
    "ansible_host": "address",
    "host": "address",
    "hostname": "address",
    "ip": "address",
    "ansible_port": "port",
    "ansible_user": "user",
    "username": "user",
    "remote_user": "user",
    "ansible_ssh_private_key_file": "identity_file",
    "key_file": "identity_file",
    "ssh_key": "identity_file",
    "proxy_jump": "jump",
    "proxyjump": "jump",
    "bastion": "jump",
    "ansible_become": "become",
    "ansible_become_user": "become_user",
    "sudo": "become",
    "sudo_user": "become_user",
    "ansible_connection": "transport",
    "connection": "transport",
    "path": "install_path",
    "environment": "env",
    "vars": "defaults",
}


def read(raw: bytes, name: str, base: Path) -> Declared:
    """
    Return what the inventory *raw* says; *base* is where its relative paths start.

    Raises `InventoryError`, for the first fault, as ``name:line: …``.
    """
    return read_root(document.compose(raw, name), base)


def read_root(root: Node, base: Path) -> Declared:
    """Return what `read` returns of the document whose root is *root*."""
    top = document.items(root, "the inventory")
    declared = Declared()
    for key, (key_node, node) in top.items():
        if key == "defaults":
            declared.defaults.update(_settings(document.items(node, key), key, base))
        elif key == "groups":
            _read_groups(node, base, declared)
        elif key == "hosts":
            _read_hosts(node, base, declared)
        else:
            raise _unknown_key(key_node, key, ("defaults", "groups", "hosts"), "the inventory")
    return declared


def _read_groups(node: Node, base: Path, declared: Declared) -> None:
    member_count = 0
    for written, (key_node, value) in document.items(node, "groups").items():
        name = _group_name(key_node, written)
        what = f"group {quoted(name)}"
        keys = document.items(value, what)
        listed = keys.pop("hosts", None)
        settings = _settings(keys, what, base, ("hosts",))
        if listed is None:
            raise document.error(key_node, f"{what} has no hosts", "add 'hosts: [NAME, …]'")
        members = _members(listed[1], what, declared)
        member_count += len(members)
        if member_count > MAX_MEMBERS:
            raise document.error(
                key_node, f"the groups have more than {MAX_MEMBERS:,} members", "use fewer groups"
            )
        declared.groups[name] = Group(name, document.place(key_node), members, settings)


def _members(node: Node, what: str, declared: Declared) -> tuple[str, ...]:
    members: dict[str, None] = {}
    for element in document.elements(node, f"'hosts' of {what}"):
        for name in _names(element, document.text(element, f"a host of {what}")):
            declared.declare(name, document.place(element))
            members[name] = None
    return tuple(members)


def _read_hosts(node: Node, base: Path, declared: Declared) -> None:
    lines: dict[str, Node] = {}
    for written, (key_node, value) in document.items(node, "hosts").items():
        what = f"host {quoted(written)}"
        settings = _settings(document.items(value, what), what, base)
        for name in _names(key_node, written):
            if name in lines:
                first = lines[name].start_mark.line + 1
                raise document.error(
                    key_node, f"host {quoted(name)} stands twice, first in line {first}", "keep one"
                )
            lines[name] = key_node
            declared.declare(name, document.place(key_node))
            declared.hosts[name] = settings


def _group_name(node: Node, written: str) -> str:
    try:
        return values.host_name(written)
    except Refusal as refusal:
        raise refusal.at(document.place(node)) from None


def _names(node: Node, written: str) -> tuple[str, ...]:
    """Return the names that one text stands for, each a valid one."""
    try:
        return values.names(written)
    except Refusal as refusal:
        raise refusal.at(document.place(node)) from None


def _settings(
    found: document.Items, what: str, base: Path, more_keys: tuple[str, ...] = ()
) -> Settings:
    settings: Settings = {}
    for key, (key_node, node) in found.items():
        if reader := HOST_KEYS.get(key):
            settings[key] = _setting(node, key, what, base, reader)
        elif key in HOST_FLAGS:
            settings[key] = Setting(document.flag(node, repr(key)), document.place(node))
        elif key == "labels":
            settings.update(_free_keys(node, key, what))
        elif key == "start":
            settings.update(read_start(node, f"'start' of {what}", base))
        else:
            known = (*more_keys, *HOST_KEYS, *HOST_FLAGS, "labels", "start")
            raise _unknown_key(key_node, key, known, what)
    return settings


def read_start(node: Node, what: str, base: Path) -> Settings:
    """Return how a program starts, by dotted keys."""
    settings: Settings = {}
    for key, (key_node, value) in document.items(node, what).items():
        dotted = f"start.{key}"
        if reader := START_KEYS.get(key):
            settings[dotted] = _setting(value, key, what, base, reader)
        elif key == "secure":
            settings[dotted] = Setting(document.flag(value, "'secure'"), document.place(value))
        elif key == "env":
            settings.update(_free_keys(value, dotted, what))
        else:
            raise _unknown_key(key_node, key, _KEYS_OF_START, what)
    return settings


def _setting(node: Node, key: str, what: str, base: Path, reader: Reader) -> Setting:
    text = document.text(node, f"{key!r} of {what}")
    place = document.place(node)
    try:
        return Setting(reader(text, base), place)
    except Refusal as refusal:
        raise refusal.at(f"{place}: {what}") from None


def _free_keys(node: Node, prefix: str, what: str) -> Settings:
    """Return the labels or variables, whose names are the user's own."""
    settings: Settings = {}
    what = f"'{prefix.removeprefix('start.')}' of {what}"
    for key, (key_node, value) in document.items(node, what).items():
        place = document.place(value)
        try:
            values.free_key(key, what)
            text = values.value(document.text(value, f"{quoted(key)} of {what}"), quoted(key))
        except Refusal as refusal:
            raise refusal.at(document.place(key_node)) from None
        settings[f"{prefix}.{key}"] = Setting(text, place)
    return settings


def _unknown_key(node: Node, key: str, known: tuple[str, ...], what: str) -> InventoryError:
    try:
        values.refuse_secret_key(key, what)
    except Refusal as refusal:
        return refusal.at(document.place(node))
    return document.error(node, f"unknown key {quoted(key)} in {what}", _key_hint(key, known))


def _key_hint(key: str, known: tuple[str, ...]) -> str:
    wanted = SYNONYMS.get(key.lower(), key.lower())
    if wanted == "children":
        return "groups do not nest: list the hosts themselves"
    if wanted == "become_user" and known == _KEYS_OF_START:
        return "write run_as for who runs the program; who asks the host stands beside 'start'"
    if "start" in known and wanted in _KEYS_OF_START:
        return f"write start: {{{wanted}: …}}"
    close = [wanted] if wanted in known else difflib.get_close_matches(key, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"the keys are {', '.join(known)}"
