"""Reads nodes of YAML by a `Form`; every refusal says where, and what to type."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from yaml.nodes import MappingNode, Node, SequenceNode

from preflight.errors import InventoryError
from preflight.inventory import document
from preflight.inventory.values import quoted
from preflight.model.form import Flag, Record, Table, Text, Texts
from preflight.model.need import Need

Pairs = tuple[tuple[str, str], ...]


def needs(node: Node, kind: str, form: Record | Table | Texts) -> Iterator[Need]:
    """Yield the needs of one kind."""
    what = f"{kind!r} of 'requires'"
    if isinstance(form, Texts):
        for element, written in texts(node, what, form):
            yield Need(kind=kind, subject=written, place=document.place(element))
        return
    for key, (key_node, value) in document.items(node, what).items():
        one = f"{quoted(key)} of {kind!r}"
        if isinstance(form, Table):
            match(key_node, key, f"a key of {kind!r}", form.key)
            wanted = pairs(value, one, form.value)
        elif key in form.keys:
            wanted = pairs(value, one, form.keys[key])
        else:
            raise unknown_key(key_node, key, tuple(form.keys), what)
        yield Need(kind=kind, subject=key, wanted=wanted, place=document.place(key_node))


def pairs(node: Node, what: str, form: Text | Texts | Flag | Record) -> Pairs:
    """Return what stands in *node*: under "value", or under the keys of a record."""
    if isinstance(form, Text):
        return (("value", text(node, what, form)),)
    if isinstance(form, Texts):
        return tuple(("value", written) for _, written in texts(node, what, form))
    if isinstance(form, Flag):
        return (("value", "true" if document.flag(node, what) else "false"),)
    found: list[tuple[str, str]] = []
    for key, (key_node, value) in document.items(node, what).items():
        if key not in form.keys:
            raise unknown_key(key_node, key, tuple(form.keys), what)
        inner = pairs(value, f"{quoted(key)} of {what}", form.keys[key])
        found += [(key, written) for _, written in inner]
    return tuple(found)


def text(node: Node, what: str, form: Text) -> str:
    """Return the text that *form* describes."""
    written = document.text(node, what)
    match(node, written, what, form)
    return written


def texts(node: Node, what: str, form: Texts) -> Iterator[tuple[Node, str]]:
    """Yield each text of a list with its node, none of them twice."""
    alone = form.alone and not isinstance(node, SequenceNode | MappingNode)
    seen: set[str] = set()
    for element in [node] if alone else document.elements(node, what):
        written = text(element, what if alone else f"an element of {what}", form.item)
        if written in seen:
            raise document.error(element, f"{quoted(written)} stands twice in {what}", "keep one")
        seen.add(written)
        yield element, written


def match(node: Node, written: str, what: str, form: Text) -> None:
    """Raise for a text that is not as *form* wants it."""
    if not re.fullmatch(form.pattern, written):
        compared = f">={written}"  # what a condition that is only a version lacks
        example = f'"{compared}"' if re.fullmatch(form.pattern, compared) else form.example
        hint = f"write {example}" + (f", {form.hint}" if form.hint else "")
        raise document.error(node, f"{what}: {quoted(written)} is not {form.noun}", hint)


def unknown_key(node: Node, key: str, known: tuple[str, ...], what: str) -> InventoryError:
    """Return the error for a key that is none of *known*."""
    close = difflib.get_close_matches(key, known, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"the keys are {', '.join(known)}"
    return document.error(node, f"unknown key {quoted(key)} in {what}", hint)
