"""``preflight baseline``: what the hosts have in common, for a build to stand on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Unpack

import click

from preflight.cli.exits import Exit
from preflight.cli.options import option
from preflight.cli.options.fleet import FleetOptions, fleet_options
from preflight.cli.options.inventory import inventory_options
from preflight.errors import UsageError

if TYPE_CHECKING:
    from preflight.api.ground import Standing
    from preflight.model.snapshot import Snapshot


class BaselineOptions(FleetOptions):
    """The values of all options."""

    facts: tuple[str, ...]
    libraries: tuple[str, ...]
    format_: Literal["table", "json"]
    verbose: int


@click.command("baseline")
@inventory_options
@option("--local", is_flag=True, help="this machine itself")
@option(
    "--facts", multiple=True, metavar="FILE", help="hosts probed earlier with --all; no network"
)
@option("--library", "libraries", multiple=True, metavar="SONAME", help="look for this one, too")
@option(
    "--format",
    "format_",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="for people or for programs",
)
@option("-v", "--verbose", count=True, help="list all libraries")
@fleet_options
def command(**values: Unpack[BaselineOptions]) -> int:
    """Say what all hosts have (C library, CPU, versions), and what share of them a build covers."""
    from preflight.api.ground import LIBRARIES, ground_of, standing  # noqa: PLC0415
    from preflight.cli.output import put, view_of_output  # noqa: PLC0415
    from preflight.report.baseline import baseline, baseline_json, baseline_table  # noqa: PLC0415

    programs = standing((*LIBRARIES, *values["libraries"]))
    snapshots, cut = _snapshots(values, programs)
    probed = [snapshot for snapshot in snapshots if snapshot.status == "probed"]
    left_out = [snapshot.host for snapshot in snapshots if snapshot.status != "probed"]
    found = baseline([ground_of(snapshot, programs) for snapshot in probed], left_out)
    as_json = values["format_"] == "json"
    lines: Iterator[str] = (
        baseline_json(found)
        if as_json
        else baseline_table(found, view_of_output(values["verbose"]))
    )
    put(lines)
    if cut is not None:
        return cut
    return Exit.UNDETERMINED if left_out else Exit.DEPLOYABLE


def _snapshots(
    values: BaselineOptions, programs: Sequence[Standing]
) -> tuple[list[Snapshot], Exit | None]:
    from msgspec import structs  # noqa: PLC0415

    from preflight.api import Want  # noqa: PLC0415
    from preflight.cli.credentials import with_secrets  # noqa: PLC0415
    from preflight.cli.recorded import recorded_hosts  # noqa: PLC0415
    from preflight.cli.run import collect  # noqa: PLC0415
    from preflight.cli.session import chosen_hosts, options_of, refuse_with_executor  # noqa: PLC0415
    from preflight.model.start import Start  # noqa: PLC0415

    refuse_with_executor(values)
    if values["facts"]:
        if values["local"]:
            raise UsageError("--local and --facts exclude each other", "give one of them")
        recorded = recorded_hosts(values["facts"], values["inventories"], values["limits"])
        return [snapshot for _, snapshot in recorded], None
    hosts = chosen_hosts(values, local=values["local"])
    done, cut = collect(
        hosts,
        lambda _: [Want(program, Start()) for program in programs],
        structs.replace(with_secrets(options_of(values), values, hosts), package_managers=False),
        executor=values["executor"],
        style=values["progress"],
    )
    return [outcome.snapshot for outcome in done], cut
