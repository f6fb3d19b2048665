"""How much memory and how many processors a host has."""

from __future__ import annotations

import re

from preflight.probe.facts.outputs import NO_PROC, Outputs, Unknown, lines_of

_TOTAL = re.compile(r"MemTotal:\s+(\d{1,15}) kB")
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


def parse_memory(outputs: Outputs) -> int | Unknown:
    """Return MemTotal in bytes: what the kernel can give out.  Source: proc_meminfo(5)."""
    found = filter(None, map(_TOTAL.fullmatch, lines_of(outputs, "memory")))
    total = next(found, None)
    return int(total[1]) << 10 if total else NO_PROC


def parse_cpus(outputs: Outputs) -> int | Unknown:
    """Return how many processors are online.  Source: Linux admin-guide/cputopology.rst."""
    listed = "".join(lines_of(outputs, "cpus"))
    ranges = [_RANGE.fullmatch(part) for part in listed.split(",")]
    if None in ranges:
        return Unknown("/sys/devices/system/cpu/online is not readable")
    bounds = [(int(one[1]), int(one[2] or one[1])) for one in ranges if one]
    return sum(max(0, last - first + 1) for first, last in bounds)
