"""
How the parts of a manifest are written: one description for its reader and its JSON Schema.

A part is a `Text`, a `Flag`, `Texts` (a list), a `Record` (keys of ours) or a
`Table` (keys of the user's own).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct


class Text(Struct, frozen=True):
    """A text or a number; *pattern* holds for all of it, in Python's and ECMAScript's reading."""

    pattern: str
    noun: str  # "a size"
    example: str
    hint: str = ""  # more than the example tells


class Flag(Struct, frozen=True):
    """True or false."""


class Texts(Struct, frozen=True):
    """A list of texts; where *alone*, one of them may stand without a list."""

    item: Text
    alone: bool = False


class Record(Struct, frozen=True):
    """A mapping with these keys, each of which may be left out."""

    keys: Mapping[str, Text | Texts | Flag]


class Table(Struct, frozen=True):
    """A mapping whose keys name things on the host."""

    key: Text
    value: Text | Texts | Record


Form: TypeAlias = Text | Texts | Flag | Record | Table

PATH = Text(r"/[^\x00-\x1f\x7f]*", "a path on the host", "/opt/app")
_UNITS = r"(?:[KMGT]i?B?|[kKMGT]B|B)"
SIZE = Text(rf"[0-9]{{1,15}}(?:\.[0-9]{{1,3}})? ?{_UNITS}", "a size", "500MiB")
_VERSION = r"[0-9][0-9A-Za-z.+~:^_-]*"
_ONE = rf"(?:>=|<=|==|!=|>|<) ?{_VERSION}(?:\.\*)?"
CONDITION = Text(rf"{_ONE}(?: ?, ?{_ONE})*", "a version condition", '">=3.11"', "in quotes")
WHOLE = Text(r"[1-9][0-9]{0,14}", "a number from 1 on", "2")
NAME = Text(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}\$?", "a name", "app")
