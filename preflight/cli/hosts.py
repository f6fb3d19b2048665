"""``preflight hosts``: the resolved targets of an inventory."""

from __future__ import annotations

from typing import Unpack

import click

from preflight.cli.options import format_option
from preflight.cli.options.inventory import InventoryOptions, inventory_options


@click.command("hosts")
@inventory_options
@format_option("table", "names", about="a table, or one name a line")
def command(format_: str, **values: Unpack[InventoryOptions]) -> None:
    """Show which hosts the inventory and the patterns come to; no network."""
    from preflight.cli.output import put, view_of_output  # noqa: PLC0415
    from preflight.cli.session import chosen_hosts  # noqa: PLC0415
    from preflight.report.hosts import hosts_table  # noqa: PLC0415

    hosts = chosen_hosts(values, local=False)
    if format_ == "names":
        put(f"{host.name}\n" for host in hosts)
    else:
        put(hosts_table(hosts, view_of_output()))
