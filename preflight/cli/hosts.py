"""``preflight hosts``: the resolved targets of an inventory."""

from __future__ import annotations

import sys
from typing import Any

import click

from preflight.cli.options import inventory_options, option
from preflight.cli.voice import colored, speaks_unicode, width


@click.command("hosts")
@inventory_options
@option(
    "--format",
    "format_",
    type=click.Choice(["table", "names"]),
    default="table",
    show_default=True,
    help="a table, or one name a line",
)
def command(format_: str, **values: Any) -> None:
    """Show which hosts the inventory and the patterns come to; no network."""
    from preflight.cli.session import chosen_hosts  # noqa: PLC0415
    from preflight.report import View  # noqa: PLC0415
    from preflight.report.hosts import hosts_table  # noqa: PLC0415

    hosts = chosen_hosts(values["inventories"], values["limits"])
    if format_ == "names":
        for host in hosts:
            click.echo(host.name)
        return
    view = View(
        color=colored(sys.stdout), width=width(sys.stdout), unicode=speaks_unicode(sys.stdout)
    )
    for piece in hosts_table(hosts, view):
        sys.stdout.write(piece)
