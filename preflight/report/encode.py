r"""JSON text that is harmless on a terminal too: what could move or reorder it is ``\uNNNN``."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from preflight.model.text import printable

_NOT_PLAIN = re.compile(r"[^\x00-\x7e]")


def encode(value: Any, indent: int = 0) -> str:
    """
    Return *value* as JSON, keys in their order: on one line, or with *indent* spaces a level.

    msgspec escapes C0 controls as JSON demands; C1, bidirectional and other
    format characters are legal in JSON, yet a terminal obeys them.
    """
    line = msgspec.json.encode(value)
    text = (msgspec.json.format(line, indent=indent) if indent else line).decode()
    if text.isascii() and "\x7f" not in text:
        return text
    return _NOT_PLAIN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if printable(char) == char:
        return char
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
