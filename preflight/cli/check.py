"""``preflight check``: analyse, probe, judge, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from preflight.cli.exits import Exit
from preflight.cli.options import connection_options, inventory_options, option, start_options
from preflight.errors import FactsError, UsageError


@click.command("check")
@click.argument("binaries", nargs=-1, required=True, metavar="BINARY…")
@inventory_options
@option("--local", is_flag=True, help="judge for this machine itself")
@option("--facts", multiple=True, metavar="FILE", help="judge hosts probed earlier; no network")
@start_options
@option(
    "--format",
    "formats",
    multiple=True,
    metavar="NAME[=FILE]",
    help="table, json, jsonl, names; several from one run",
)
@option("--explain", is_flag=True, help="show each library, the rule that found it, and misses")
@option("-q", "--quiet", count=True, help="failures and the summary only")
@option("-v", "--verbose", count=True, help="all evidence")
@option(
    "--fail-on",
    type=click.Choice(["warning", "unknown"]),
    help="exit 4 on warnings; exit 1 on unknown",
)
@option("--exit-zero", is_flag=True, help="exit 0 whatever the verdicts")
@connection_options
def command(binaries: tuple[str, ...], **values: Any) -> int:
    """Say for every host whether BINARY will start there, and if not, what is missing."""
    from preflight.cli.output import parse_formats, write_reports  # noqa: PLC0415
    from preflight.cli.session import analyzed, start_of  # noqa: PLC0415

    formats = parse_formats(values["formats"])
    sources = [bool(values["inventories"]), values["local"], bool(values["facts"])]
    if sum(sources) > 1:
        raise UsageError("--local, --facts and -i exclude each other", "give one of them")
    start = start_of(values)
    requirements = analyzed(binaries)
    if values["facts"]:
        report, interrupted = _offline(values["facts"], values["limits"], requirements, start), None
    else:
        report, interrupted = _online(values, requirements, start)
    verbosity = values["verbose"] - values["quiet"]
    write_reports(report, formats, explain=values["explain"], verbosity=verbosity)
    return interrupted or _status(report, values)


def _status(report: Any, values: dict[str, Any]) -> Exit:
    from preflight.cli.exits import exit_of  # noqa: PLC0415

    return Exit.DEPLOYABLE if values["exit_zero"] else exit_of(report, values["fail_on"])


def _online(values: dict[str, Any], requirements: Sequence[Any], start: Any) -> Any:
    from preflight.cli.run import run_fleet  # noqa: PLC0415
    from preflight.cli.session import chosen_hosts, local_host, options_of, starts  # noqa: PLC0415

    local = values["local"]
    hosts = (local_host(),) if local else chosen_hosts(values["inventories"], values["limits"])
    start_for = starts(start, requirements, local=local)
    return run_fleet(requirements, hosts, start_for, options_of(values))


def _offline(
    files: Sequence[str], limits: Sequence[str], requirements: Sequence[Any], start: Any
) -> Any:
    from preflight.api import check_offline  # noqa: PLC0415
    from preflight.cli.session import starts  # noqa: PLC0415
    from preflight.inventory import Inventory  # noqa: PLC0415
    from preflight.model.host import Host  # noqa: PLC0415

    snapshots = {snapshot.host: snapshot for file in files for snapshot in _facts(file)}
    hosts = tuple(Host(name=name, address=snapshots[name].address) for name in snapshots)
    chosen = Inventory(hosts=hosts, groups={}).select(limits) if limits else hosts
    start_for = starts(start, requirements, local=False)
    by_name = {host.name: host for host in hosts}
    return check_offline(
        requirements,
        [snapshots[host.name] for host in chosen],
        starts=lambda snapshot, needed: start_for(by_name[snapshot.host], needed),
    )


def _facts(file: str) -> list[Any]:
    from preflight.model.facts import read_facts  # noqa: PLC0415

    try:
        with Path(file).open("rb") as stream:
            return list(read_facts(stream, file))
    except OSError as error:
        raise FactsError(f"{file}: {error.strerror}", "preflight probe --save FILE") from error
