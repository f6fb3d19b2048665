"""
The names of DT_FLAGS and DT_FLAGS_1, as readelf prints them.

Source: gABI "Dynamic Section", glibc elf/elf.h (DF_*, DF_1_*).
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.model.elf import Elf

DT_FLAGS_NAMES = ("ORIGIN", "SYMBOLIC", "TEXTREL", "BIND_NOW", "STATIC_TLS")  # by bit number
DT_FLAGS_1_NAMES = (
    "NOW",
    "GLOBAL",
    "GROUP",
    "NODELETE",
    "LOADFLTR",
    "INITFIRST",
    "NOOPEN",
    "ORIGIN",
    "DIRECT",
    "TRANS",
    "INTERPOSE",
    "NODEFLIB",
    "NODUMP",
    "CONFALT",
    "ENDFILTEE",
    "DISPRELDNE",
    "DISPRELPND",
    "NODIRECT",
    "IGNMULDEF",
    "NOKSYMS",
    "NOHDR",
    "EDITED",
    "NORELOC",
    "SYMINTPOSE",
    "GLOBAUDIT",
    "SINGLETON",
    "STUB",
    "PIE",
    "KMOD",
    "WEAKFILTER",
    "NOCOMMON",
)


def flag_names(elf: Elf) -> list[str]:
    """
    Return the names of the flags that are set, each once, DT_FLAGS first.

    The old tags DT_BIND_NOW, DT_SYMBOLIC and DT_TEXTREL say the same as their
    bits in DT_FLAGS and have the same names.
    """
    old = {"SYMBOLIC": elf.symbolic_tag, "TEXTREL": elf.textrel_tag, "BIND_NOW": elf.bind_now_tag}
    names = [
        name for name, is_set in _bits(elf.dt_flags, DT_FLAGS_NAMES) if is_set or old.get(name)
    ]
    names += [name for name, is_set in _bits(elf.dt_flags_1, DT_FLAGS_1_NAMES) if is_set]
    return list(dict.fromkeys(names))


def _bits(word: int, names: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    for bit, name in enumerate(names):
        yield name, bool(word >> bit & 1)
