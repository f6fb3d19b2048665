"""
The one kind of template that needs no Ansible: ``{{ name }}`` of another variable.

Filters, lookups, conditions and facts are Ansible's own; a value that has one
is refused, never taken as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from preflight.inventory.ansible.fleet import Value
from preflight.inventory.values import Refusal

_NAME = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)\s*-?\}\}")
_MARKS = ("{{", "{%", "{#")
_MAX_DEPTH = 8
_MAX_TEXT = 4096


def fill(value: Value, variables: Mapping[str, Value], host: str, depth: int = 0) -> str | None:
    """
    Return the text of a variable, None where it has no value.

    Raises `Refusal` where only Ansible can tell; what it says never holds the value.
    """
    if value.kind == "vault":
        raise Refusal("is encrypted (!vault)", "write it in the open, it is no secret")
    if value.kind == "other":
        raise Refusal("is a list or a mapping", "write a single value")
    text = value.text
    if text is None or value.kind == "raw" or not any(mark in text for mark in _MARKS):
        return text

    def one(match: re.Match[str]) -> str:
        """Return what stands for one ``{{ name }}``; raises where nobody but Ansible can say it."""
        name = match[1]
        if name == "inventory_hostname":
            return host
        if name == "inventory_hostname_short":
            return host.partition(".")[0]
        if name not in variables or depth == _MAX_DEPTH:
            raise _refusal()
        return fill(variables[name], variables, host, depth + 1) or ""

    filled = _NAME.sub(one, text)
    if len(filled) > _MAX_TEXT or any(mark in _NAME.sub("", text) for mark in _MARKS):
        raise _refusal()
    return filled


def _refusal() -> Refusal:
    return Refusal(
        "is a template that only a run of Ansible can fill",
        "write the value, or the name of a variable of the inventory: {{ name }}",
    )
