"""Where file systems are mounted, and how."""

from __future__ import annotations

import re
from functools import lru_cache

from preflight.model.snapshot import Mount
from preflight.probe.facts.outputs import NO_PROC, Outputs, Unknown, lines_of

_OCTAL = re.compile(r"\\([0-7]{3})")


def parse_mounts(outputs: Outputs) -> tuple[Mount, ...] | Unknown:
    """Return the mounts, in the kernel's order.  Source: proc_pid_mountinfo(5)."""
    if "proc" not in outputs:
        return NO_PROC
    if "mountinfo" not in outputs:
        return Unknown("/proc/self/mountinfo is not readable")
    mounts = tuple(map(_mount, lines_of(outputs, "mountinfo")))
    if None in mounts:
        return Unknown("/proc/self/mountinfo has a line of an unknown form")
    return tuple(mount for mount in mounts if mount is not None)


@lru_cache(maxsize=4096)
def _mount(line: str) -> Mount | None:
    fields, _, tail = line.partition(" - ")
    first, last = fields.split(" "), tail.split(" ")
    if len(first) < 6 or len(last) < 3:
        return None
    options = tuple(dict.fromkeys([*first[5].split(","), *last[2].split(",")]))
    return Mount(_plain(first[4]), _plain(last[1]), last[0], options)


def _plain(word: str) -> str:
    return _OCTAL.sub(lambda m: chr(int(m[1], 8)), word)
