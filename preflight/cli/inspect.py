"""``preflight inspect``: what binaries need."""

from __future__ import annotations

import sys

import click

from preflight.cli.options import option
from preflight.cli.voice import colored, speaks_unicode, width


@click.command("inspect")
@click.argument("binaries", nargs=-1, required=True, metavar="BINARY…")
@option(
    "--format",
    "format_",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="for people or for programs",
)
@option("-v", "--verbose", count=True, help="list everything")
def command(binaries: tuple[str, ...], format_: str, verbose: int) -> None:
    """Show what each BINARY needs: machine, loader, libraries, versions, CPU level."""
    from preflight.analyze import analyze  # noqa: PLC0415
    from preflight.report import View  # noqa: PLC0415
    from preflight.report.inspect import inspect_json, inspect_table  # noqa: PLC0415

    requirements = [analyze(path, id=f"b{n}") for n, path in enumerate(binaries, 1)]
    view = View(
        verbosity=verbose,
        color=colored(sys.stdout),
        width=width(sys.stdout),
        unicode=speaks_unicode(sys.stdout),
    )
    pieces = inspect_json(requirements) if format_ == "json" else inspect_table(requirements, view)
    for piece in pieces:
        sys.stdout.write(piece)
