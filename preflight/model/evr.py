"""
Versions of packages, compared as rpm does.

Source: rpm, rpmio/rpmvercmp.c, and rpm-version(7): runs of digits count as
numbers, ``~`` sorts before everything and ``^`` before everything but the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cmp_to_key
from itertools import zip_longest

_PART = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")


def newest(versions: Iterable[str]) -> str:
    """Return the highest of ``[EPOCH:]VERSION-RELEASE``."""
    return max(versions, key=cmp_to_key(compare))


def compare(one: str, other: str) -> int:
    """Return a number below, at or above 0, as *one* is older than *other*, equal or newer."""
    for mine, theirs in zip(_split(one), _split(other), strict=True):
        if order := _compare(mine, theirs):
            return order
    return 0


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers with which an upstream version begins: (2, 36) for "1:2.36-9+deb12u1"."""
    found = re.match(r"(?:[0-9]+:)?([0-9]+(?:\.[0-9]+)*)", version)
    return tuple(map(int, found[1].split("."))) if found else ()


def _split(evr: str) -> tuple[str, str, str]:
    epoch, colon, rest = evr.partition(":")
    version, _, release = (rest if colon else evr).rpartition("-")
    return epoch if colon else "0", version or release, release if version else ""


def _compare(one: str, other: str) -> int:
    for mine, theirs in zip_longest(_PART.findall(one), _PART.findall(other), fillvalue=""):
        if (left := _key(mine)) != (right := _key(theirs)):
            return 1 if left > right else -1
    return 0


def _key(part: str) -> tuple[int, int, str]:
    """Return where one part stands: ~, the end, ^, letters, numbers."""
    if part.isdigit():
        return 4, int(part), ""
    return (0 if part == "~" else 1 if not part else 2 if part == "^" else 3), 0, part
