"""
What changed on which hosts since facts were saved.

What moves by itself counts only beyond a threshold: free space from a tenth of
the file system on, the clock from two seconds on, which is what a host asked
through a busy network may seem to be off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from preflight.model.audit import HostAudit
from preflight.report.audit.rows import ROWS, size, value_of

_SPACE = 0.1
_CLOCK_S = 2


class Change(Struct, frozen=True):
    """One row that says something else than before on all of *hosts*; None: not known."""

    row: str
    hosts: tuple[str, ...]
    before: str | None
    now: str | None


class Drift(Struct, frozen=True):
    """What became of the hosts since; *not_compared* could not be asked now, or then."""

    changes: tuple[Change, ...]
    new: tuple[str, ...]
    vanished: tuple[str, ...]
    not_compared: tuple[str, ...]

    @property
    def is_any(self) -> bool:
        """Whether anything changed."""
        return bool(self.changes or self.new or self.vanished)


def drift(before: Iterable[HostAudit], now: Sequence[HostAudit]) -> Drift:
    """Return what changed between two audits."""
    earlier = {host.host: host for host in before}
    here = {host.host: host for host in now}
    both = [(earlier[name], host) for name, host in here.items() if name in earlier]
    asked = [pair for pair in both if all(one.status == "probed" for one in pair)]
    unasked = [new.host for old, new in both if not (old.status == new.status == "probed")]
    found: dict[tuple[str, str | None, str | None], list[str]] = {}
    for old, new in asked:
        for row, was, is_now in _changed(old, new):
            found.setdefault((row, was, is_now), []).append(new.host)
    changes = (Change(row, tuple(h), was, is_now) for (row, was, is_now), h in found.items())
    return Drift(
        changes=tuple(changes),
        new=tuple(name for name in here if name not in earlier),
        vanished=tuple(name for name in earlier if name not in here),
        not_compared=tuple(unasked),
    )


def _changed(old: HostAudit, new: HostAudit) -> Iterator[tuple[str, str | None, str | None]]:
    comparable = old.audited is not None and new.audited is not None
    for row in ROWS:
        was, is_now = value_of(row, old), value_of(row, new)
        if row.name == "libraries" or was == is_now:
            continue
        if comparable or None not in (was, is_now):
            yield row.name, was, is_now
    yield from _libraries(old, new)
    yield from _space(old, new)
    yield from _clock(old, new)


def _libraries(old: HostAudit, new: HostAudit) -> Iterator[tuple[str, str, str]]:
    """Yield the libraries that are another file than before: an update, or something worse."""
    before = {footing.platform: footing.files for footing in old.footings}
    for footing in new.footings:
        known = before.get(footing.platform, {})
        for name in sorted(known.keys() | footing.files.keys()):
            was, is_now = known.get(name), footing.files.get(name)
            if was != is_now and known:
                yield "libraries", _file(name, was), _file(name, is_now)


def _file(name: str, digest: str | None) -> str:
    return f"{name} {digest[:12]}" if digest else f"no {name}"


def _space(old: HostAudit, new: HostAudit) -> Iterator[tuple[str, str, str]]:
    if old.audited is None or new.audited is None:
        return
    before = {disk.point: disk for disk in old.audited.disks or ()}
    for disk in new.audited.disks or ():
        was = before.get(disk.point)
        if was and abs(disk.free_bytes - was.free_bytes) >= _SPACE * max(1, disk.size_bytes):
            place = f"{disk.point}: "
            yield "free", place + size(was.free_bytes), place + size(disk.free_bytes)


def _clock(old: HostAudit, new: HostAudit) -> Iterator[tuple[str, str, str]]:
    if old.audited is None or new.audited is None:
        return
    was, is_now = old.audited.clock_offset_s, new.audited.clock_offset_s
    if was is not None and is_now is not None and abs(is_now - was) >= _CLOCK_S:
        yield "clock", f"{was:+d} s", f"{is_now:+d} s"
