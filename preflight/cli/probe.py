"""``preflight probe``: collect facts of hosts, to judge binaries later without a network."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from preflight import __version__
from preflight.cli.exits import Exit
from preflight.cli.options import connection_options, inventory_options, option, start_options
from preflight.cli.voice import warn
from preflight.errors import UsageError


@click.command("probe")
@inventory_options
@option("--local", is_flag=True, help="probe this machine itself")
@option("--for", "programs", multiple=True, metavar="BINARY", help="what this program asks")
@option("--all", "everything", is_flag=True, help="every library a loader could find")
@option("--save", required=True, metavar="FILE", help="write the facts to FILE")
@start_options
@connection_options
def command(**values: Any) -> int:
    """Collect facts of hosts; `preflight check BINARY --facts FILE` judges by them later."""
    from preflight.api import Want  # noqa: PLC0415
    from preflight.cli.run import collect  # noqa: PLC0415
    from preflight.cli.session import (  # noqa: PLC0415
        analyzed,
        chosen_hosts,
        local_host,
        options_of,
        start_of,
        starts,
    )

    local = values["local"]
    if local and values["inventories"]:
        raise UsageError("--local and -i exclude each other", "give one of them")
    requirements = analyzed(values["programs"])
    hosts = (local_host(),) if local else chosen_hosts(values["inventories"], values["limits"])
    start_for = starts(start_of(values), requirements, local=local)
    options = options_of(values, everything=values["everything"])
    done, cut = collect(
        hosts, lambda host: [Want(r, start_for(host, r)) for r in requirements], options
    )
    snapshots = [done[host.name].snapshot for host in hosts]
    _save(values["save"], snapshots)
    for snapshot in snapshots:
        if snapshot.status != "probed":
            warn(f"{snapshot.host}: {snapshot.status}: {snapshot.reason}")
    probed = sum(snapshot.status == "probed" for snapshot in snapshots)
    click.echo(f"{probed} of {len(snapshots)} hosts probed, facts in {values['save']}", err=True)
    if cut is not None:
        return cut
    return Exit.DEPLOYABLE if probed == len(snapshots) else Exit.UNDETERMINED


def _save(file: str, snapshots: Iterable[Any]) -> None:
    """Write the facts beside *file* and rename: an interrupted write leaves the old file."""
    from preflight.model.facts import write_facts  # noqa: PLC0415

    target = Path(file)
    created = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    lines = write_facts(snapshots, version=__version__, created_at=created.replace("+00:00", "Z"))
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(lines)
        Path(name).replace(target)
    except OSError as error:
        raise UsageError(
            f"{file}: {error.strerror}", "--save needs a writable directory"
        ) from error
