"""What ``preflight hosts`` shows: the targets as the inventory resolves them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from preflight.model.host import Host
from preflight.report.terminal import columns, render, shown
from preflight.report.view import View

_UNSET = "ssh default"


def hosts_table(hosts: Sequence[Host], view: View) -> Iterator[str]:
    """Yield one row for each host; what the inventory leaves open is "ssh default"."""
    table = columns("name", "address", "port", "user", "jump", "groups", "transport")
    for host in hosts:
        table.add_row(
            shown(host.name),
            shown(host.target),
            _or_default(host.port),
            _or_default(host.user),
            shown(host.gateway.name) if host.gateway else Text("-", style="dim"),
            shown(", ".join(host.groups)),
            shown(host.transport),
        )
    yield render([table], view)


def _or_default(value: str | int | None) -> Text:
    return Text(_UNSET, style="dim") if value is None else shown(str(value))
