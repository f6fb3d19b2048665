"""``preflight baseline``: what the hosts have in common, for a build to stand on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Unpack

import click

from preflight.cli.exits import Exit
from preflight.cli.options import format_option, option
from preflight.cli.options.fleet import SurveyOptions, fleet_options
from preflight.cli.options.inventory import inventory_options
from preflight.cli.voice import warn

if TYPE_CHECKING:
    from preflight.api.ground import Standing
    from preflight.model.ground import Ground


class BaselineOptions(SurveyOptions):
    """The values of all options."""

    libraries: tuple[str, ...]
    format_: Literal["table", "json"]


@click.command("baseline")
@inventory_options
@option("--local", is_flag=True, help="this machine itself")
@option(
    "--facts", multiple=True, metavar="FILE", help="hosts probed earlier with --all; no network"
)
@option("--library", "libraries", multiple=True, metavar="SONAME", help="look for this one, too")
@format_option("table", "json", about="for people or for programs")
@option("-v", "--verbose", count=True, help="list all libraries")
@fleet_options
def command(**values: Unpack[BaselineOptions]) -> int:
    """Say what all hosts have (C library, CPU, versions), and what share of them a build covers."""
    from preflight.api.ground import LIBRARIES, ground_of, standing  # noqa: PLC0415
    from preflight.cli.output import put, view_of_output  # noqa: PLC0415
    from preflight.cli.survey import ask, refuse_contradictions  # noqa: PLC0415
    from preflight.report.baseline import baseline, baseline_json, baseline_table  # noqa: PLC0415

    refuse_contradictions(values)
    programs = standing((*LIBRARIES, *values["libraries"]))
    asked, cut = ask(values, programs)
    snapshots = [outcome.snapshot for _, outcome in asked]
    probed = [snapshot for snapshot in snapshots if snapshot.status == "probed"]
    left_out = [snapshot.host for snapshot in snapshots if snapshot.status != "probed"]
    grounds = [ground_of(snapshot, programs) for snapshot in probed]
    if values["facts"]:
        _warn_of_partial(grounds, programs)
    found = baseline(grounds, left_out)
    if values["format_"] == "json":
        put(baseline_json(found))
    else:
        put(baseline_table(found, view_of_output(values["verbose"])))
    if cut is not None:
        return cut
    return Exit.UNDETERMINED if left_out else Exit.DEPLOYABLE


def _warn_of_partial(grounds: Sequence[Ground], programs: Sequence[Standing]) -> None:
    """Name the hosts of facts that have a loader, and no word of the libraries that it finds."""
    from preflight.cli.survey import SURVEYED  # noqa: PLC0415
    from preflight.model.nodeset import fold  # noqa: PLC0415

    loaders = {program.platform.interpreter for program in programs}
    partial = [
        ground.host
        for ground in grounds
        if not ground.footings and any(libc.interpreter in loaders for libc in ground.facts.libcs)
    ]
    if partial:
        names = ", ".join(fold(partial))
        warn(f"{names}: the libraries are not known, for the facts are not of --all", SURVEYED)
