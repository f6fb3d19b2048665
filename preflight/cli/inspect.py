"""``preflight inspect``: what binaries need."""

from __future__ import annotations

import click

from preflight.cli.options import option


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
    from preflight.cli.output import put, view_of_output  # noqa: PLC0415
    from preflight.cli.session import analyzed  # noqa: PLC0415
    from preflight.report.inspect import inspect_json, inspect_table  # noqa: PLC0415

    requirements = analyzed(binaries)
    if format_ == "json":
        put(inspect_json(requirements))
    else:
        put(inspect_table(requirements, view_of_output(verbose)))
