"""
Ansible's INI inventories: ``[group]``, ``[group:vars]``, ``[group:children]``.

Source: Ansible's ``ansible.builtin.ini`` inventory plugin, its documentation;
what a value becomes there (a literal of Python's, or else text) it becomes here.
"""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from typing import NoReturn

from preflight.errors import InventoryError
from preflight.inventory.ansible import names
from preflight.inventory.ansible.fleet import UNGROUPED, Fleet, Group, Kind, Value
from preflight.inventory.ansible.words import theirs
from preflight.inventory.document import MAX_BYTES
from preflight.inventory.values import Refusal, quoted

SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_CHILD = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_SIGN = "="  # between a variable and its value
_COMMENTS = ("#", ";")
_KINDS = ("hosts", "children", "vars")
_QUOTING = frozenset("'\"\\#")
_MAX_LITERAL = 4096  # of Python; longer is text


def read(raw: bytes, name: str, fleet: Fleet) -> None:
    """Add what the inventory *raw* says to *fleet*; raises `InventoryError` at ``name:line:``."""
    _Reader(name, fleet).read(raw)


class _Reader:
    """One file, line by line."""

    def __init__(self, name: str, fleet: Fleet) -> None:
        self.name = name
        self.fleet = fleet
        self.number = 0
        self.group = fleet.groups[UNGROUPED]
        self.kind = "hosts"
        # Groups that something was said of, before they were declared; and by which line.
        self.pending: dict[str, str] = {}

    @property
    def place(self) -> str:
        """The line that is read, as messages name it."""
        return f"{self.name}:{self.number}"

    def read(self, raw: bytes) -> None:
        """Add all lines to the fleet; raises `InventoryError` at the first that means nothing."""
        if len(raw) > MAX_BYTES:
            raise InventoryError(f"{self.name}:1: the inventory is larger than 64 MiB", "split it")
        for line in self._lines(raw):
            self.number += 1
            text = line.strip()
            if text and not text.startswith(_COMMENTS):
                self._line(text)
        for group, place in self.pending.items():
            raise InventoryError(
                f"{place}: there is no group {quoted(group)}",
                f"declare it with [{group}] or [{group}:children]",
            )

    def _lines(self, raw: bytes) -> list[str]:
        try:
            return raw.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            return [self._decoded(line, n) for n, line in enumerate(raw.splitlines(), 1)]

    def _decoded(self, line: bytes, number: int) -> str:
        """Return a line; a comment may be in any encoding."""
        try:
            return "" if line.startswith((b"#", b";")) else line.decode()
        except UnicodeDecodeError:
            hint = "save the inventory as UTF-8"
            raise InventoryError(f"{self.name}:{number}: not UTF-8", hint) from None

    def _line(self, text: str) -> None:
        if section := SECTION.fullmatch(text):
            self._section(section[1], section[2] or "hosts")
        elif text.startswith("[") and text.endswith("]"):
            self._refuse(f"{quoted(text)} is no section", "write [group], without white space")
        elif text.startswith("[") and "]" not in text:
            self._refuse(f"{quoted(text)} is no section: it has no ']'", "write [group]")
        elif self.kind == "vars":
            self._variable(text)
        elif self.kind == "children":
            self._child(text)
        else:
            self._hosts(text)

    def _section(self, name: str, kind: str) -> None:
        if kind not in _KINDS:
            self._refuse(f"section {quoted(f'{name}:{kind}')} has no known kind", "write :children")
        if kind != "vars":
            self.pending.pop(name, None)
        elif name not in self.fleet.groups:
            self.pending.setdefault(name, self.place)
        self.group = self.fleet.add_group(name, self.place)
        self.kind = kind

    def _child(self, text: str) -> None:
        match = _CHILD.fullmatch(text)
        if not match:
            self._refuse(f"{quoted(text)} is no name of a group", "write one group a line")
        if match[1] not in self.fleet.groups:
            self.pending.setdefault(match[1], self.place)
            self.fleet.add_group(match[1], self.place)
        self.group.children[match[1]] = None

    def _variable(self, text: str) -> None:
        key, equals, written = text.partition("=")
        if not equals:
            self._refuse("this line of variables has no '='", "write name=value")
        self._set(self.group, key.strip(), written.strip())

    def _set(self, group: Group, key: str, written: str) -> None:
        group.set(key, value(written, self.place))

    def _hosts(self, text: str) -> None:
        first, *assignments = self._words(text)
        try:
            found, port = names.expand(first)
        except Refusal as refusal:
            raise theirs(refusal, _SIGN).at(self.place) from None
        variables = {}
        for word in assignments:
            key, equals, written = word.partition("=")
            if not equals:
                self._refuse(
                    f"{quoted(key)} behind host {quoted(first)} is no name=value",
                    "put a value with white space in quotes",
                )
            variables[key] = value(written, self.place)
        of_port = None if port is None else Value(str(port), self.place, sign=_SIGN)
        for name in found:
            self.fleet.add_host(self.group.name, name, of_port, self.place).update(variables)

    def _words(self, text: str) -> list[str]:
        if not _QUOTING & set(text):
            return text.split()
        try:
            words = shlex.split(text, comments=True)
        except ValueError as problem:
            self._refuse(f"the quotes of this line: {str(problem).lower()}", "close the quotes")
        return words or [""]

    def _refuse(self, problem: str, hint: str) -> NoReturn:
        raise InventoryError(f"{self.place}: {problem}", hint)


def value(written: str, place: str) -> Value:
    """Return what *written* means: Python's own literals are read, all else is text."""
    text, kind = _meaning(written)
    return Value(text, place, kind, _SIGN)


def _meaning(written: str) -> tuple[str | None, Kind]:
    if len(written) > _MAX_LITERAL or "{{" in written:
        return written, "plain"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            literal = ast.literal_eval(written)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return written, "plain"
    if literal is None:
        return None, "plain"
    if isinstance(literal, list | tuple | set | dict):
        return None, "other"
    is_bytes = isinstance(literal, bytes)
    return literal.decode("utf-8", "replace") if is_bytes else str(literal), "plain"
