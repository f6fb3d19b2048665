"""``preflight probe``: collect facts of hosts, to judge binaries later without a network."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Unpack

import click

from preflight.cli.exits import Exit
from preflight.cli.options import option
from preflight.cli.options.fleet import FleetOptions, fleet_options
from preflight.cli.options.inventory import inventory_options
from preflight.cli.options.start import manifest_option, start_options
from preflight.cli.voice import note, warn
from preflight.model.moment import rfc3339

if TYPE_CHECKING:
    from preflight.model.snapshot import Snapshot


class ProbeOptions(FleetOptions):
    """The values of all options."""

    programs: tuple[str, ...]
    manifest: str | None
    everything: bool
    save: str


@click.command("probe")
@inventory_options
@option("--local", is_flag=True, help="probe this machine itself")
@option("--for", "programs", multiple=True, metavar="BINARY", help="what this program asks")
@option("--all", "everything", is_flag=True, help="every library a loader could find")
@option("--save", required=True, metavar="FILE", help="write the facts to FILE")
@manifest_option
@start_options
@fleet_options
def command(**values: Unpack[ProbeOptions]) -> int:
    """Collect facts of hosts; `preflight check BINARY --facts FILE` judges by them later."""
    from preflight.api.members import wants  # noqa: PLC0415
    from preflight.cli.application import application, chosen_manifest, start_by  # noqa: PLC0415
    from preflight.cli.credentials import with_secrets  # noqa: PLC0415
    from preflight.cli.output import check_writable, refuse_to_overwrite  # noqa: PLC0415
    from preflight.cli.recorded import save  # noqa: PLC0415
    from preflight.cli.run import collect  # noqa: PLC0415
    from preflight.cli.session import (  # noqa: PLC0415
        chosen_hosts,
        files_read,
        options_of,
        refuse_with_executor,
        start_of,
        starts,
    )

    refuse_with_executor(values)
    check_writable(values["save"], "--save", "facts.jsonl")
    refuse_to_overwrite([*values["programs"], *files_read(values)], [("--save", values["save"])])
    local = values["local"]
    manifest = chosen_manifest(values["manifest"])
    requirements = application(values["programs"], manifest)
    given = start_of(values, local=local)
    start_for = starts(given, requirements, local=local, default=start_by(manifest))
    hosts = chosen_hosts(values, local=local)
    options = with_secrets(options_of(values, everything=values["everything"]), values, hosts)
    if not (requirements or values["everything"]):
        warn("the facts will answer for no program", "--for BINARY, or --all")
    done, cut = collect(
        hosts,
        lambda host: list(wants(requirements, lambda needed: start_for(host, needed))),
        options,
        executor=values["executor"],
        style=values["progress"],
    )
    snapshots = [outcome.snapshot for outcome in done]
    save(values["save"], snapshots, rfc3339(dt.datetime.now(dt.UTC)))
    _complain_of([snapshot for snapshot in snapshots if snapshot.status != "probed"])
    probed = sum(snapshot.status == "probed" for snapshot in snapshots)
    note(f"{probed} of {len(snapshots)} hosts probed, facts in {values['save']}")
    if cut is not None:
        return cut
    return Exit.DEPLOYABLE if probed == len(snapshots) else Exit.UNDETERMINED


def _complain_of(failed: Iterable[Snapshot]) -> None:
    """Print one line for each reason, with its hosts."""
    from preflight.model.nodeset import fold  # noqa: PLC0415

    reasons: dict[str, list[str]] = {}
    for snapshot in failed:
        reason = f"{snapshot.status} ({snapshot.cause}): {snapshot.reason}"
        reasons.setdefault(reason, []).append(snapshot.host)
    for reason, hosts in reasons.items():
        warn(f"{', '.join(fold(hosts))}: {reason}")
