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
@option(
    "--releases",
    is_flag=True,
    help="on which releases of the usual distributions it would start: an estimate, by a table",
)
@option("-v", "--verbose", count=True, help="list everything")
def command(binaries: tuple[str, ...], format_: str, releases: bool, verbose: int) -> None:
    """Show what each BINARY needs: machine, loader, libraries, versions, CPU level."""
    from preflight.cli.output import put, view_of_output  # noqa: PLC0415
    from preflight.cli.session import analyzed  # noqa: PLC0415
    from preflight.report.inspect import inspect_json, inspect_table  # noqa: PLC0415
    from preflight.report.releases import releases_table  # noqa: PLC0415

    requirements = analyzed(binaries)
    outlooks = None
    if releases:
        from preflight.judge.estimate import outlook  # noqa: PLC0415

        outlooks = [outlook(needs) for needs in requirements if needs.member_of is None]
    if format_ == "json":
        put(inspect_json(requirements, outlooks))
    elif outlooks is not None:
        put(releases_table(outlooks, view_of_output(verbose)))
    else:
        put(inspect_table(requirements, view_of_output(verbose)))
