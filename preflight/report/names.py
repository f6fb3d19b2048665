"""
The format ``names``: the hosts on which every binary is deployable, one a line, for xargs.

A name that xargs or a shell would read as something else (white space, a
quote, a backslash, a leading dash, a character that no terminal shows) is
left out: a rollout that misses a host is better than one that hits another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preflight.model.report import Report
from preflight.model.text import printable
from preflight.report.view import View

_PLAIN = re.compile(r"""[^\s'"\\-][^\s'"\\]*""")


def render(report: Report, view: View) -> Iterator[str]:  # noqa: ARG001 - a Format
    """Yield the names in the order of the inventory."""
    missing = {snapshot.host: {needs.id for needs in report.binaries} for snapshot in report.hosts}
    for verdict in report.verdicts:
        if verdict.outcome == "deployable":
            missing.get(verdict.host, set()).discard(verdict.binary)
    for host, binaries in missing.items():
        if report.binaries and not binaries and _is_plain(host):
            yield f"{host}\n"


def _is_plain(name: str) -> bool:
    return _PLAIN.fullmatch(name) is not None and printable(name) == name
