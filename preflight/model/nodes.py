"""
Version nodes of libraries, such as GLIBC_2.36: their kinds, and the newest of each.

A library may define nodes of several kinds (GLIBCXX_3.4.30, CXXABI_1.3.13);
only within a kind is one newer than another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

# A longer run of digits is no number that anybody compares.
_NUMBERED = re.compile(r"(.+?)_([0-9]{1,18}(?:\.[0-9]{1,18})*)")


@lru_cache(maxsize=4096)
def kind(node: str) -> tuple[str, tuple[int, ...]]:
    """Return a node's kind and number: ``("GLIBC", (2, 36))``; without number ``(node, ())``."""
    found = _NUMBERED.fullmatch(node)
    if found is None:
        return node, ()
    return found[1], tuple(map(int, found[2].split(".")))


def newest(nodes: Iterable[str], split: Callable[[str], tuple[str, Any]] = kind) -> dict[str, str]:
    """Return the newest node of each kind, by kind; *split* tells the kind, and what orders it."""
    best: dict[str, str] = {}
    for node in nodes:
        name, order = split(node)
        if name not in best or order > split(best[name])[1]:
            best[name] = node
    return best
