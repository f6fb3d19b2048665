"""``preflight cache``: what the library store holds, and how to make it smaller."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from preflight.cli.options import option
from preflight.cli.options.values import size

if TYPE_CHECKING:
    from preflight.probe.store import Holdings

_DAY_S = 86400
_NAMES = {
    "elf": "libraries, as they were read",
    "stale": "the same, of another release",
    "bytes": "loader caches and other files",
    "memo": "hosts: which file had which content",
    "hints": "kinds of host: what programs ask",
}


@click.group("cache", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Show the library store: where it is, how large, and what is in it."""
    if context.invoked_subcommand is not None:
        return
    from preflight.cli.session import cache_directory  # noqa: PLC0415
    from preflight.probe.store import Store  # noqa: PLC0415

    directory = cache_directory()
    holdings = Store(directory).holdings()
    click.echo(f"{directory}: {_megabytes(sum(one.size_bytes for one in holdings.values()))}")
    for kind, name in _NAMES.items():
        if kind in holdings:
            click.echo(_row(name, holdings[kind]))


@command.command("path")
def path() -> None:
    """Print the directory of the library store."""
    from preflight.cli.session import cache_directory  # noqa: PLC0415

    click.echo(cache_directory())


@command.command("prune")
@option(
    "--size",
    type=size,
    envvar="PREFLIGHT_CACHE_SIZE",
    default="2G",
    show_default=True,
    metavar="SIZE",
    help="what it may take up, such as 500M; the least recently used go first",
)
@option("--all", "everything", is_flag=True, help="remove everything")
def prune(size: int, *, everything: bool) -> None:
    """Remove what has not been used for longest; safe beside runs that use the store."""
    from preflight.cli.session import cache_directory  # noqa: PLC0415
    from preflight.probe.store import Store  # noqa: PLC0415

    done = Store(cache_directory()).prune(0 if everything else size)
    click.echo(
        f"{done.removed:,} records removed, {_megabytes(done.freed_bytes)}; "
        f"{_megabytes(done.left_bytes)} left"
    )


def _row(name: str, holdings: Holdings) -> str:
    days = int((time.time() - holdings.oldest_s) // _DAY_S)
    oldest = "today" if days <= 0 else f"{days} day{'s' * (days > 1)} ago"
    size_of = _megabytes(holdings.size_bytes)
    return f"  {name:37}{holdings.records:>9,}{size_of:>13}   the oldest used {oldest}"


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
