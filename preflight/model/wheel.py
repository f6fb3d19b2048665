"""
What a wheel's file name claims of the host's C library, beside what its members need.

Source: PyPA specifications, "Platform compatibility tags" (PEP 600, 656); the older names stand
for glibc 2.5, 2.12 and 2.17 (PEP 513, 571, 599).
"""

from __future__ import annotations

import re

from preflight.model.nodeset import natural_key
from preflight.model.requirements import Requirements

_OLDER = {"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}
_TAG = re.compile(r"(manylinux|musllinux)_(\d+)_(\d+)_")


def claimed(name: str) -> tuple[str, str] | None:
    """Return the libc and its oldest release that the wheel *name* claims to run with."""
    if not name.endswith(".whl"):
        return None
    claims = [found for tag in name[:-4].rpartition("-")[2].split(".") if (found := _claim(tag))]
    return min(claims, key=lambda claim: natural_key(claim[1])) if claims else None


def broken_claim(name: str, members: tuple[Requirements, ...]) -> str | None:
    """Return in one sentence what shows that the claim of *name* does not hold, else None."""
    claim = claimed(name)
    for member in members if claim else ():
        libc, release = claim or ("", "")
        if member.libc not in (None, libc):
            return f"claims {libc}, and {member.inner} is linked for {member.libc}"
        floor = member.glibc_floor
        if libc == "glibc" and floor and natural_key(floor.version) > natural_key(release):
            return f"claims glibc {release}, and {member.inner} needs {floor.version}"
    return None


def _claim(tag: str) -> tuple[str, str] | None:
    if (older := _OLDER.get(tag.partition("_")[0])) is not None:
        return "glibc", older
    found = _TAG.match(tag)
    if found is None:
        return None
    return {"manylinux": "glibc", "musllinux": "musl"}[found[1]], f"{found[2]}.{found[3]}"
