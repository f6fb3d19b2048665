"""The targets, as the inventory resolves them."""

from __future__ import annotations

from preflight.model.host import Host
from preflight.report import View
from preflight.report.hosts import hosts_table


def test_what_the_inventory_leaves_open_is_the_default_of_ssh():
    """A reader sees which values are the inventory's and which are not."""
    hosts = [
        Host(name="web-1"),
        Host(
            name="db-1",
            address="10.0.0.5",
            port=2222,
            user="deploy",
            gateway=Host(name="bastion"),
            groups=("db", "eu"),
        ),
        Host(name="here", transport="local"),
    ]

    assert (
        "".join(hosts_table(hosts, View(width=100)))
        == """\
name   address   port         user         jump     groups  transport
web-1  web-1     ssh default  ssh default  -                ssh
db-1   10.0.0.5  2222         deploy       bastion  db, eu  ssh
here   here      ssh default  ssh default  -                local
"""
    )
