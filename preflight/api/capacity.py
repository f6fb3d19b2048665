"""How many hosts can be asked at a time with the files that this process may open."""

from __future__ import annotations

import resource
from contextlib import suppress

from msgspec import Struct

ON_WAY = 1000  # hosts that are dialled at a time
AHEAD_PER_FORK = 16
_PER_FORK = 4  # files: a connection, an agent, and what the transport has besides
_OTHERS = 64  # files of the process itself
_FEWEST = 16  # hosts on their way without which it would be no use


class Capacity(Struct, frozen=True):
    """
    How many hosts may be at each stage.

    *on_way* are dialled, *ahead* are reached and wait for one of *forks*
    workers.  *note* says why there are fewer workers than were asked for.
    """

    forks: int
    on_way: int
    ahead: int
    note: str | None = None


def capacity(forks: int, hosts: int | None) -> Capacity:
    """
    Return what is possible for *forks* and so many *hosts*, None where nobody knows how many.

    The soft limit of open files is raised as far as that takes, and allows.
    """
    most = ON_WAY if hosts is None else max(1, min(ON_WAY, hosts))
    wanted = max(1, forks if hosts is None else min(forks, hosts))
    ahead = min(most, AHEAD_PER_FORK * wanted)
    files = _raise_limit(_OTHERS + _PER_FORK * wanted + most + ahead) - _OTHERS
    possible = max(1, min(wanted, (files - 2 * min(_FEWEST, most)) // _PER_FORK))
    left = files - _PER_FORK * possible
    ahead = max(1, min(ahead, left // 2))
    note = None
    if possible < wanted:
        limit = files + _OTHERS
        note = f"forks lowered from {forks} to {possible}: at most {limit} files may be open"
    return Capacity(possible, max(1, min(most, left - ahead)), ahead, note)


def _raise_limit(wanted: int) -> int:
    """Return how many files may be open, after raising the soft limit towards *wanted*."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    # macOS names no hard limit and still refuses what is over the kernel's own.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return soft
