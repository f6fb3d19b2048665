"""``preflight inspect``: what binaries need."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from preflight.cli.exits import Exit
from preflight.cli.options import format_option, option
from preflight.errors import UsageError

if TYPE_CHECKING:
    from preflight.model.estimate import Outlook
    from preflight.model.releases import Release


@click.command("inspect")
@click.argument("binaries", nargs=-1, required=True, metavar="BINARY…")
@format_option("table", "json", about="for people or for programs")
@option(
    "--releases",
    is_flag=True,
    help="on which releases of the usual distributions it would start: an estimate, by a table",
)
@option(
    "--starts-on",
    multiple=True,
    metavar="ID:VERSION",
    help="exit 1 where by that table it would not start on a release such as debian:11, and 3 "
    "where nobody knows",
)
@option("-v", "--verbose", count=True, help="list everything")
def command(
    binaries: tuple[str, ...],
    format_: str,
    releases: bool,
    starts_on: tuple[str, ...],
    verbose: int,
) -> int:
    """Show what each BINARY needs: machine, loader, libraries, versions, CPU level."""
    from preflight.cli.binaries import analyzed  # noqa: PLC0415
    from preflight.cli.output import put, view_of_output  # noqa: PLC0415
    from preflight.report.inspect import inspect_json, inspect_table  # noqa: PLC0415
    from preflight.report.releases import releases_table  # noqa: PLC0415

    chosen = [_release(name) for name in starts_on]
    requirements = analyzed(binaries)
    outlooks = gate = None
    if releases or chosen:
        from preflight.judge.estimate import outlook  # noqa: PLC0415

        given = [needs for needs in requirements if needs.member_of is None]
        gate = [outlook(needs, chosen) for needs in given]
        outlooks = [outlook(needs) for needs in given] if releases else gate
    if format_ == "json":
        put(inspect_json(requirements, outlooks))
    elif outlooks is not None:
        put(releases_table(outlooks, view_of_output(verbose)))
    else:
        put(inspect_table(requirements, view_of_output(verbose)))
    return _exit_of(gate or ())


def _release(name: str) -> Release:
    """Return the release that ``ID:VERSION`` names, as os-release has them; ``arch`` rolls."""
    from preflight.model.releases import release_of, releases  # noqa: PLC0415

    identity, _, version = name.partition(":")
    found = release_of(identity, version or None)
    if found is None:
        known = [":".join(filter(None, (one.id, one.version))) for one in releases() if one.id]
        near = difflib.get_close_matches(name, known, 1)
        hint = (
            f"did you mean {near[0]}?" if near else "such as debian:11; docs/releases.md lists them"
        )
        raise UsageError(f"--starts-on: no release of the table is called {name!r}", hint)
    return found


def _exit_of(gate: Iterable[Outlook]) -> Exit:
    """Return what the estimates come to; what is no program is no bar."""
    answers = {one.answer for outlook in gate for one in outlook.estimates}
    if "does-not-start" in answers:
        return Exit.BLOCKED
    return Exit.UNDETERMINED if "unknown" in answers else Exit.DEPLOYABLE
