"""An audit for people: what all hosts have, what groups of them have, who stands alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from preflight.model.audit import HostAudit
from preflight.model.nodeset import fold
from preflight.report.audit.document import Audit
from preflight.report.audit.drift import Change, Drift
from preflight.report.audit.fleet import Alike, Outlier
from preflight.report.audit.rows import NO_SSHD, ROWS, reason_of, size
from preflight.report.terminal import count, labelled, render, shown
from preflight.report.view import View

_TITLES = {row.name: row.title for row in ROWS} | {"free": "free space", "clock": "clock"}
_CHANGES = 40  # that the table shows, unless verbose
_OUTLIERS = 20


def audit_table(found: Audit, view: View) -> Iterator[str]:
    """Yield what people read."""
    separator = ""
    sections = (
        _fleet(found, view),
        _outliers(found.outliers, view),
        _drift(found.drift, view),
        _not_reached(found.hosts),
        _summary(found),
    )
    for section in sections:
        if text := render(section, view):
            yield separator + text
            separator = "\n"


def _fleet(found: Audit, view: View) -> Iterator[RenderableType]:
    common = _common(found.alike)
    several = len(found.alike) > 1
    if several and common:
        number = sum(len(one.hosts) for one in found.alike)
        yield shown(f"all {count(number, 'host')}", "bold")
        yield labelled(_rows(found.alike[0], found, view, only=common), 2)
    for one in found.alike:
        names = ", ".join(fold(host.host for host in one.hosts))
        head = shown(names, "bold")
        if len(one.hosts) > 1:
            head.append(f"  {count(len(one.hosts), 'host')}", "dim")
        yield head
        left = set(range(len(ROWS))) - (common if several else set())
        yield labelled([*_rows(one, found, view, only=left), *_moving(one)], 2)


def _common(groups: Sequence[Alike]) -> set[int]:
    """Return the rows, by number, that say the same of all hosts."""
    values = [one.values for one in groups]
    return {n for n in range(len(ROWS)) if len({row[n] for row in values}) == 1}


def _rows(one: Alike, found: Audit, view: View, *, only: set[int]) -> Iterator[tuple[str, Text]]:
    for number, (row, value) in enumerate(zip(ROWS, one.values, strict=True)):
        if number not in only or (row.quiet and view.verbosity < 1):
            continue
        if value == NO_SSHD and row.name != "password_login":
            continue
        if value is None:
            yield row.title, shown(f"unknown: {reason_of(row, one.hosts[0])}", "yellow")
        elif row.name == "support" and value < found.started_at[: len(value)]:
            yield row.title, shown(f"{value}, which is over", "yellow")
        else:
            yield row.title, shown(value)


def _moving(one: Alike) -> Iterator[tuple[str, Text]]:
    """Yield what differs from moment to moment: the least free space, and clocks that are off."""
    least: dict[str, tuple[int, int, str]] = {}
    for host in one.hosts:
        for disk in (host.audited.disks if host.audited else None) or ():
            now = disk.free_bytes, disk.size_bytes, host.host
            least[disk.point] = min(now, least.get(disk.point, now))
    for point, (free, whole, name) in sorted(least.items()):
        where = f" (least, on {name})" if len(one.hosts) > 1 else ""
        yield f"free in {point}", shown(f"{size(free)} of {size(whole)}{where}")
    off = {h.host: h.audited.clock_offset_s for h in one.hosts if h.audited}
    wrong = {name: seconds for name, seconds in off.items() if seconds}
    said = ", ".join(f"{name} is {_off(seconds)}" for name, seconds in wrong.items())
    if said:
        yield "clock", shown(said, "yellow")
    elif off:
        unknown = None in off.values()
        yield "clock", Text("unknown on some" if unknown else "as here, within a second or two")


def _off(seconds: int) -> str:
    return f"{abs(seconds):,} s {'ahead' if seconds > 0 else 'behind'}"


def _outliers(outliers: Sequence[Outlier], view: View) -> Iterator[RenderableType]:
    if not outliers:
        return
    yield Text("outliers", "bold")
    cut = outliers if view.verbosity > 0 else outliers[:_OUTLIERS]
    for one in cut:
        yield shown(f"  {outlier_line(one)}", "yellow")
    if len(cut) < len(outliers):
        yield shown(f"  and {len(outliers) - len(cut)} more (-v)", "dim")


def outlier_line(one: Outlier) -> str:
    """Say who alone has what, and what the others have."""
    alone = "alone has" if len(one.hosts) == 1 else "alone have"
    of = f" of {one.group}" if one.group is not None else ""
    return (
        f"{', '.join(fold(one.hosts))} {alone} {_TITLES[one.row]}: {one.value} "
        f"({one.others:,} others{of}: {one.usual})"
    )


def _drift(drift: Drift | None, view: View) -> Iterator[RenderableType]:
    if drift is None:
        return
    if not drift.is_any:
        yield Text("no drift: all that was compared is as it was", "green")
    else:
        yield Text("changed since", "bold")
    cut = drift.changes if view.verbosity > 0 else drift.changes[:_CHANGES]
    yield from (shown(f"  {change_line(change)}", "yellow") for change in cut)
    if len(cut) < len(drift.changes):
        yield shown(f"  and {len(drift.changes) - len(cut)} more (-v)", "dim")
    for title, names in (
        ("new", drift.new),
        ("vanished", drift.vanished),
        ("not compared", drift.not_compared),
    ):
        if names:
            yield shown(f"  {title}: {', '.join(fold(names))}", "yellow")


def change_line(change: Change) -> str:
    """Say what changed on which hosts."""
    before, now = change.before or "unknown", change.now or "unknown"
    return f"{', '.join(fold(change.hosts))}: {_TITLES[change.row]}: {before} → {now}"


def _not_reached(hosts: Sequence[HostAudit]) -> Iterator[RenderableType]:
    reasons: dict[str, list[str]] = {}
    for host in hosts:
        if host.status != "probed":
            said = f"{host.status} ({host.cause})" + (f": {host.reason}" if host.reason else "")
            reasons.setdefault(said, []).append(host.host)
    for said, names in reasons.items():
        yield shown(f"? {', '.join(fold(names))}: {said}", "yellow")


def _summary(found: Audit) -> Iterator[RenderableType]:
    yield Text(summary_line(found))


def summary_line(found: Audit) -> str:
    """Say how many hosts of how many kinds there are, and how many were not reached."""
    asked = sum(len(one.hosts) for one in found.alike)
    kinds = count(len(found.alike), "kind")
    left = len(found.hosts) - asked
    rest = f", {count(left, 'host')} not reached" if left else ""
    return f"{count(asked, 'host')} audited, of {kinds}{rest}"
