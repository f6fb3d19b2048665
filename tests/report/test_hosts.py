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


def test_narrow_table_leaves_columns_out():
    """A name stays in one piece as long as anything else can go."""
    hosts = [Host(name="web-1.example.com", user="deploy", groups=("web",))]

    titles = ["".join(hosts_table(hosts, View(width=w))).split("\n")[0] for w in (90, 70, 60, 40)]

    assert titles == [
        "name               address            port         user    jump  groups  transport",
        "name               address            port         user    jump",
        "name               address            port         user",
        "name               address",
    ]


def test_large_fleet_is_aligned_and_harmless():
    """Thousands of hosts have the same columns, wide characters and ASCII views included."""
    hosts = [Host(name="名前", user="\x1b[2J"), *(Host(name=f"web-{i}") for i in range(300))]

    lines = "".join(hosts_table(hosts, View(width=100))).splitlines()
    plain = "".join(hosts_table(hosts, View(width=100, unicode=False)))

    assert lines[:3] == [
        "name     address  port         user         jump  groups  transport",
        "名前     名前     ssh default  \\x1b[2J      -             ssh",
        "web-0    web-0    ssh default  ssh default  -             ssh",
    ]
    assert len(lines) == 302
    assert plain.isascii()
