"""Which hosts: the inventory, patterns, and a part of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TypedDict

import click

from preflight.cli.options import option, several


class InventoryOptions(TypedDict):
    """The values of `inventory_options`."""

    inventories: tuple[str, ...]
    limits: tuple[str, ...]
    shard: str | None


def _hosts_and_groups(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the inventory that begin so, for a shell to complete."""
    del param
    from preflight.cli.session import names_of  # noqa: PLC0415

    with suppress(Exception):  # a shell wants names, or nothing
        return [
            n for n in names_of(ctx.params.get("inventories") or ()) if n.startswith(incomplete)
        ]
    return []


inventory_options = several(
    option(
        "-i",
        "--inventory",
        "inventories",
        multiple=True,
        metavar="FILE|LIST",
        # Read by `discover`, so that --local and --facts win over it.
        envvar=None,
        help="YAML file, Ansible's inventory (ansible:PATH may run its programs), '-' for standard"
        " input, or a list with a comma: web1,web2,",
    ),
    option(
        "-l",
        "--limit",
        "limits",
        multiple=True,
        metavar="PATTERN",
        shell_complete=_hosts_and_groups,
        help="hosts, groups, globs, 'a:!b:&c', web-[01:20]",
    ),
    option(
        "--shard",
        metavar="I/N",
        help="the I-th of N parts of the hosts; auto: the part of this CI job",
    ),
)
