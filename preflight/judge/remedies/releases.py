"""
Which release of a library's source has a version node: what an upgrade would bring.

Source: glibc's and libgcc's nodes are named after their releases, and so are
OpenSSL's; those of libstdc++ stand in GCC's manual, "ABI Policy and Guidelines".
"""

from __future__ import annotations

import re

from preflight.model.evr import numbers

_NODE = re.compile(r"(GLIBC|GCC|OPENSSL)_([0-9]+(?:\.[0-9]+)*)")
_RELR = "GLIBC_ABI_DT_RELR"  # came with glibc 2.36
_OF_GCC: dict[str, dict[int, tuple[int, ...]]] = {
    "GLIBCXX_3.4.": {
        21: (5,),
        22: (6,),
        23: (7,),
        24: (7, 2),
        25: (8,),
        26: (9,),
        27: (9, 2),
        28: (9, 3),
        29: (11,),
        30: (12,),
        31: (13,),
        32: (13, 2),
        33: (14,),
        34: (15,),
    },
    "CXXABI_1.3.": {9: (5,), 10: (6,), 11: (7,), 12: (9,), 13: (11,), 14: (13,), 15: (14,)},
}


def release_of(node: str) -> tuple[int, ...] | None:
    """Return the release that brought *node* first, None where that is not known."""
    if node == _RELR:
        return 2, 36
    if found := _NODE.fullmatch(node):
        return numbers(found[2])
    for prefix, releases in _OF_GCC.items():
        last = node.removeprefix(prefix)
        if last != node and last.isdigit():
            return releases.get(int(last))
    return None


def has_node(version: str, node: str) -> bool | None:
    """Return whether the package of *version* has *node*, None where that cannot be told."""
    release, upstream = release_of(node), numbers(version)
    return None if release is None or not upstream else upstream >= release
