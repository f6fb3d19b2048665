"""The file systems where programs and their data go: how much is free, and what they forbid."""

from __future__ import annotations

import re
from collections.abc import Iterator

from preflight.model.audited import Disk
from preflight.model.snapshot import Mount
from preflight.probe.facts.mounts import parse_mounts
from preflight.probe.facts.outputs import Outputs, Unknown, lines_of

_LINE = re.compile(r".*?\s(\d{1,18})\s+\d{1,18}\s+(-?\d{1,18})\s+(?:\d+%|-)\s+(/.*)")
_FLAGS = ("ro", "noexec", "nosuid", "nodev")
KILLED = 124  # from here on the status tells of timeout(1) itself or of a signal


def parse_disks(outputs: Outputs) -> tuple[Disk, ...] | Unknown:
    """
    Return the file systems of the usual places, each once, by mount point.

    Source: df(1) with -P (POSIX), proc_pid_mountinfo(5) for type and flags.
    """
    *said, status = lines_of(outputs, "disks") or ["= 127"]
    if not status.startswith("= ") or int(status[2:]) >= KILLED:
        return Unknown("df gave no answer within 5 s, or is not there")
    mounts = parse_mounts(outputs)
    by_point = {} if isinstance(mounts, Unknown) else {one.point: one for one in mounts}
    disks = {disk.point: disk for disk in _disks(said, by_point)}
    return tuple(disks[point] for point in sorted(disks)) or Unknown("df named no file system")


def _disks(lines: list[str], mounts: dict[str, Mount]) -> Iterator[Disk]:
    for line in filter(None, map(_LINE.fullmatch, lines)):
        mount = mounts.get(line[3])
        options = mount.options if mount else ()
        yield Disk(
            point=line[3],
            fstype=mount.fstype if mount else None,
            size_bytes=int(line[1]) << 10,
            free_bytes=max(0, int(line[2])) << 10,
            flags=tuple(flag for flag in _FLAGS if flag in options),
        )
