"""``preflight check``: analyse, probe, judge, report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

import click

from preflight.cli.exits import Exit
from preflight.cli.options import (
    FleetOptions,
    connection_options,
    inventory_options,
    option,
    start_options,
)
from preflight.errors import UsageError

if TYPE_CHECKING:
    from preflight.model.report import Report
    from preflight.model.requirements import Requirements


class CheckOptions(FleetOptions):
    """The values of all options."""

    facts: tuple[str, ...]
    formats: tuple[str, ...]
    explain: bool
    quiet: int
    verbose: int
    fail_on: str | None
    prove: bool
    exit_zero: bool


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
@option(
    "--prove",
    is_flag=True,
    help="copy BINARY to each host, have its own loader trace the copy, remove it, compare",
)
@option("--exit-zero", is_flag=True, help="exit 0 whatever the verdicts")
@connection_options
def command(binaries: tuple[str, ...], **values: Unpack[CheckOptions]) -> int:
    """Say for every host whether BINARY will start there, and if not, what is missing."""
    from preflight.cli.output import (  # noqa: PLC0415
        parse_formats,
        refuse_to_overwrite,
        write_reports,
    )
    from preflight.cli.session import analyzed, files_read  # noqa: PLC0415

    formats = parse_formats(values["formats"])
    if values["prove"] and values["facts"]:
        raise UsageError("--prove and --facts exclude each other", "a proof asks the hosts")
    if values["local"] and values["facts"]:
        raise UsageError("--local and --facts exclude each other", "give one of them")
    refuse_to_overwrite(
        [*binaries, *values["facts"], *files_read(values)],
        [(f"--format {name}", file) for name, file in formats],
    )
    judged = _offline if values["facts"] else _online
    report, cut = judged(analyzed(binaries), values)
    verbosity = values["verbose"] - values["quiet"]
    write_reports(report, formats, explain=values["explain"], verbosity=verbosity)
    if cut is not None:
        return cut
    return Exit.DEPLOYABLE if values["exit_zero"] else exit_of(report, values["fail_on"])


def exit_of(report: Report, fail_on: str | None) -> Exit:
    """
    Return the status of a finished run.

    *fail_on* "unknown" makes an undetermined host count as blocked, "warning"
    makes warnings count where nothing worse happened.
    """
    summary = report.summary
    undetermined = summary.unknown or any(host.status != "probed" for host in report.hosts)
    if summary.blocked or (undetermined and fail_on == "unknown"):
        return Exit.BLOCKED
    if undetermined:
        return Exit.UNDETERMINED
    warned = any(f.severity == "warning" for v in report.verdicts for f in v.findings)
    if warned and fail_on == "warning":
        return Exit.WARNINGS
    return Exit.DEPLOYABLE


def _online(
    requirements: Sequence[Requirements], values: CheckOptions
) -> tuple[Report, Exit | None]:
    from msgspec import structs  # noqa: PLC0415

    from preflight.cli.run import run_fleet  # noqa: PLC0415
    from preflight.cli.session import chosen_hosts, options_of, start_of, starts  # noqa: PLC0415

    local = values["local"]
    start_for = starts(start_of(values, local=local), requirements, local=local)
    hosts = chosen_hosts(values["inventories"], values["limits"], local=local)
    options = structs.replace(options_of(values), prove=values["prove"])
    return run_fleet(requirements, hosts, start_for, options)


def _offline(requirements: Sequence[Requirements], values: CheckOptions) -> tuple[Report, None]:
    from preflight.api import check_offline  # noqa: PLC0415
    from preflight.cli.recorded import recorded_hosts  # noqa: PLC0415
    from preflight.cli.session import start_of, starts  # noqa: PLC0415

    start_for = starts(start_of(values, local=False), requirements, local=False)
    recorded = recorded_hosts(values["facts"], values["inventories"], values["limits"])
    hosts = {snapshot.host: host for host, snapshot in recorded}
    report = check_offline(
        requirements,
        [snapshot for _, snapshot in recorded],
        starts=lambda snapshot, needed: start_for(hosts[snapshot.host], needed),
    )
    return report, None
