"""
YAML as nodes that know their line, without what makes YAML dangerous.

PyYAML's constructors forget lines, accept a key twice and build whatever a
tag names; its nodes do not.  One document, UTF-8, at most 64 MiB and 64
levels deep: libyaml's composer is recursive, and a deeper file ends the
process.
"""

from __future__ import annotations

import io
import re
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from preflight.errors import InventoryError
from preflight.inventory.values import quoted

MAX_BYTES = 64 << 20
MAX_DEPTH = 64

_TAG = "tag:yaml.org,2002:"
_NULL, _BOOLEAN, _MERGE = _TAG + "null", _TAG + "bool", _TAG + "merge"
_TEXT = frozenset(_TAG + kind for kind in ("str", "int", "float", "timestamp", "value"))
_KINDS = {
    _NULL: "empty",
    _BOOLEAN: "a boolean",
    f"{_TAG}int": "a number",
    f"{_TAG}float": "a number",
}
_ALLOWED = _TEXT | {_NULL, _BOOLEAN, _MERGE, _TAG + "map", _TAG + "seq"}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# YAML 1.2.2, production [1] c-printable.
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]",
)

Items = dict[str, tuple[Node, Node]]


class _Source(io.BytesIO):
    """Bytes with the name that nodes shall give as theirs."""

    def __init__(self, raw: bytes, name: str) -> None:
        super().__init__(raw)
        self.name = name


def compose(
    raw: bytes, name: str, what: str = "inventory", example: str = "hosts: {web-1: {}}"
) -> Node:
    """
    Return the root node of the document *raw*; raises `InventoryError` at ``name:line:``.

    *what* it is, and an *example* of its content, are for messages.
    """
    root = compose_any(raw, name, what)
    if root is None:
        raise InventoryError(f"{name}:1: the {what} is empty", f"write {example!r}")
    return root


def compose_any(raw: bytes, name: str, what: str = "inventory") -> Node | None:
    """Return what `compose` returns, None where there is nothing but comments."""
    _check_text(raw, name, what)
    try:
        _check_depth(raw, name)
        root: Node | None = yaml.compose(_Source(raw, name), Loader=_LOADER)
    except yaml.YAMLError as problem:
        raise _syntax_error(problem, raw, name) from None
    return root


def place(node: Node | yaml.Event) -> str:
    """Return ``file:line`` of a node."""
    mark: Any = node.start_mark
    return f"{mark.name}:{mark.line + 1}"


def error(node: Node, problem: str, hint: str) -> InventoryError:
    """Return the error that says what is wrong with a node."""
    return InventoryError(f"{place(node)}: {problem}", hint)


def items(node: Node, what: str, depth: int = 0) -> Items:
    """
    Return the keys and values of a mapping, nothing for an empty value.

    Merge keys are resolved: a key of the mapping itself wins, then the first
    mapping merged.  The node keeps the result, so that an alias costs nothing.
    """
    if node.tag == _NULL:
        return {}
    if not isinstance(node, MappingNode) or node.tag not in _ALLOWED:
        raise _wrong_kind(node, what, "a mapping", "write it as 'key: value' lines or {key: value}")
    if depth > MAX_DEPTH:
        raise error(node, f"more than {MAX_DEPTH} merge keys in a row", "merge fewer mappings")
    own: Items = {}
    merged: Items = {}
    pairs, node.value = node.value, []  # a mapping merged into itself adds nothing
    for key, value in pairs:
        if key.tag == _MERGE:
            merged = _merged(value, depth + 1) | merged
        else:
            _add(own, key, value, what)
    found = merged | own
    node.value = list(found.values())
    return found


def elements(node: Node, what: str) -> list[Node]:
    """Return the nodes of a list."""
    if not isinstance(node, SequenceNode) or node.tag not in _ALLOWED:
        raise _wrong_kind(node, what, "a list", "write it as [one, two] or as '- one' lines")
    nodes: list[Node] = node.value
    return nodes


def text(node: Node, what: str) -> str:
    """Return a string or number as it is written; YAML's booleans and empty values are none."""
    if not isinstance(node, ScalarNode) or node.tag not in _TEXT:
        raise _wrong_kind(node, what, "text", _text_hint(node))
    written: str = node.value
    return written


def flag(node: Node, what: str) -> bool:
    """Return a boolean."""
    if not isinstance(node, ScalarNode) or node.tag != _BOOLEAN:
        raise _wrong_kind(node, what, "true or false", "write true or false, without quotes")
    return node.value.lower() in ("true", "yes", "on")


def _check_text(raw: bytes, name: str, what: str) -> None:
    if len(raw) > MAX_BYTES:
        raise InventoryError(f"{name}:1: the {what} is larger than 64 MiB", "split it")
    try:
        bad = _UNPRINTABLE.search(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        raise InventoryError(f"{name}:{line}: not UTF-8", f"save the {what} as UTF-8") from None
    if bad:
        line = bad.string.count("\n", 0, bad.start()) + 1
        raise InventoryError(
            f"{name}:{line}: the character {bad[0]!r} is not allowed in YAML",
            f"{_a(what)} is a text file; is this the right file?",
        )


def _a(what: str) -> str:
    return f"an {what}" if what[0] in "aeio" else f"a {what}"


def _check_depth(raw: bytes, name: str) -> None:
    depth = 0
    for event in yaml.parse(_Source(raw, name), Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _too_deep(place(event))


def _syntax_error(problem: yaml.YAMLError, raw: bytes, name: str) -> InventoryError:
    """Return the error for what is no YAML, without its text: a secret may be in it."""
    mark = getattr(problem, "problem_mark", None)
    line = mark.line if mark else 0
    said = getattr(problem, "problem", None) or "cannot be parsed"
    if "nesting depth" in said:  # newer libyaml has a limit of its own, and meets it first
        return _too_deep(f"{name}:{line + 1}")
    if "alias" in said:
        said = "undefined alias"  # PyYAML's own parser adds its name
    elif said.startswith("but "):
        said = "more than one document"
    written = [*raw.splitlines(), b""][line : line + 1] or [b""]
    return InventoryError(
        f"{name}:{line + 1}: not valid YAML: {said}", _syntax_hint(written[0], said)
    )


def _too_deep(where: str) -> InventoryError:
    return InventoryError(
        f"{where}: nested more than {MAX_DEPTH} levels deep", "five levels are the most there is"
    )


def _syntax_hint(line: bytes, said: str) -> str:
    if said == "more than one document":
        return "remove the '---' between the documents"
    if said == "undefined alias":
        return "put a value that starts with '*' in quotes"
    if b"\t" in line:
        return "indent with spaces, not with tabs"
    if re.search(rb""":\s*[<>=!]""", line):
        return """put a condition in quotes: ">=3.11\""""
    if re.search(rb"""[\w.-]\[[^]"']*\]""", line):
        return """put names with a range in quotes: "web-[01:20]\""""
    return "check indentation, quotes and brackets here and in the line before"


def _add(own: Items, key: Node, value: Node, what: str) -> None:
    name = text(key, f"a key of {what}")
    if name in own:
        first = own[name][0].start_mark.line + 1
        problem = f"{quoted(name)} stands twice in {what}, first in line {first}"
        raise error(key, problem, "keep one of the two")
    own[name] = key, value


def _merged(value: Node, depth: int) -> Items:
    """Return what ``<<`` merges: one mapping, or a list of which the first wins."""
    if not isinstance(value, SequenceNode):
        return items(value, "'<<'", depth)
    merged: Items = {}
    for node in value.value:
        merged = items(node, "'<<'", depth) | merged
    return merged


def _text_hint(node: Node) -> str:
    if node.tag == _BOOLEAN:
        return f'put it in quotes: "{node.value}"'
    return "give it a value or remove it" if node.tag == _NULL else "write a single value"


def _wrong_kind(node: Node, what: str, wanted: str, hint: str) -> InventoryError:
    if node.tag not in _ALLOWED:
        return error(node, f"{what} has a YAML tag", "remove the word that starts with '!'")
    return error(node, f"{what} must be {wanted}, not {_kind(node)}", hint)


def _kind(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return _KINDS.get(node.tag, "text")
