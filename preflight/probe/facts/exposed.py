"""Keys and passwords that every user of a host may read: which files, never what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from preflight.model.audited import Exposed
from preflight.probe.facts.disks import KILLED
from preflight.probe.facts.outputs import Outputs, Unknown, lines_of

_LS = re.compile(
    r"-([-r][-w][-xsS][-r][-w][-xsS]r[-w][-xtT])\S*\s+\d+\s+(\d{1,10})\s+\d+\s+\d+"
    r"\s+\S+\s+\S+\s+\S+\s+(/.*)"
)
_BITS = (0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001)


def parse_exposed(outputs: Outputs) -> tuple[Exposed, ...] | Unknown:
    """
    Return the files for secrets at usual places that others may read, by path.

    A directory on the way that others may not enter protects what is below.
    Source: find(1), ls(1) with -l (POSIX).  Limit: at most 100 are told.
    """
    if "exposed" not in outputs:
        return Unknown("it was not asked for")
    said = lines_of(outputs, "exposed")
    status = [int(line[2:]) for line in said if re.fullmatch(r"= \d{1,3}", line)]
    if "/bin/sh" not in said or (status and status[0] >= KILLED):
        return Unknown("find gave no answer within 5 s, or does not know -maxdepth")
    found = {one.path: one for one in _files(said)}
    return tuple(found[path] for path in sorted(found))


def _files(lines: list[str]) -> Iterator[Exposed]:
    for line in filter(None, map(_LS.fullmatch, lines)):
        bits = sum(bit for bit, char in zip(_BITS, line[1], strict=True) if char not in "-ST")
        yield Exposed(path=line[3], mode=f"{bits:04o}", uid=int(line[2]))
