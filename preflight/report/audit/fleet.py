"""
What hosts have in common, and which stands alone.

Hosts are alike where all rows say the same.  An outlier is one host, or at
most one in twenty, that differs from a value which more than half of the
others of its group have, and at least three of them: with fewer, or without
such a majority, nothing is usual, and who differs from what is anyone's guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from preflight.model.audit import HostAudit
from preflight.model.nodeset import natural_key
from preflight.report.audit.rows import NO_SSHD, ROWS, read_rows, value_of

_FEW = 0.05
_OTHERS = 3


class Alike(Struct, frozen=True):
    """Hosts of which all rows say the same; *values* are in the order of `ROWS`."""

    hosts: tuple[HostAudit, ...]
    values: tuple[str | None, ...]


class Outlier(Struct, frozen=True):
    """Few hosts that differ from the rest of a group; *group* None: of the fleet."""

    hosts: tuple[str, ...]
    row: str  # the name of it
    value: str
    usual: str
    others: int  # hosts that have what is usual
    group: str | None


def alike(hosts: Sequence[HostAudit]) -> list[Alike]:
    """Return the groups of equal hosts, the largest first."""
    found: dict[tuple[str | None, ...], list[HostAudit]] = {}
    for host in hosts:
        found.setdefault(tuple(read_rows(host)), []).append(host)
    groups = [Alike(tuple(members), values) for values, members in found.items()]
    return sorted(groups, key=lambda one: len(one.hosts), reverse=True)


def outliers(hosts: Sequence[HostAudit]) -> list[Outlier]:
    """Return the outliers of the fleet and of each group, each said once."""
    scopes: dict[str | None, list[HostAudit]] = {None: list(hosts)}
    for host in hosts:
        for group in host.groups:
            scopes.setdefault(group, []).append(host)
    found: dict[tuple[tuple[str, ...], str], Outlier] = {}
    for scope, members in scopes.items():
        for outlier in _outliers(members, scope):
            found.setdefault((outlier.hosts, outlier.row), outlier)
    return sorted(found.values(), key=lambda one: natural_key(one.hosts[0]))


def _outliers(hosts: Sequence[HostAudit], group: str | None) -> Iterator[Outlier]:
    for row in ROWS:
        if row.quiet:
            continue
        holders: dict[str, list[str]] = {}
        for host in hosts:
            value = value_of(row, host)
            # A host without sshd is told once, by whether it lets people in by password.
            if value is not None and (value != NO_SSHD or row.name == "password_login"):
                holders.setdefault(value, []).append(host.host)
        counts = Counter({value: len(names) for value, names in holders.items()})
        for usual, others in counts.most_common(1):
            if others < _OTHERS or 2 * others <= counts.total():
                continue
            for value, names in holders.items():
                few = len(names) == 1 or len(names) <= _FEW * counts.total()
                if value != usual and few:
                    yield Outlier(tuple(names), row.name, value, usual, others, group)
