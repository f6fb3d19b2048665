"""``preflight check``: analyse, probe, judge, report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Unpack

import click

from preflight.cli.exits import Exit, exit_of
from preflight.cli.options import option
from preflight.cli.options.fleet import FleetOptions, fleet_options
from preflight.cli.options.inventory import inventory_options
from preflight.cli.options.report import ReportOptions, report_options
from preflight.cli.options.runs import RunOptions, run_options
from preflight.cli.options.start import manifest_option, start_options, waivers_option
from preflight.errors import UsageError

if TYPE_CHECKING:
    from preflight.cli.output import Formats
    from preflight.cli.run import Plan
    from preflight.cli.waiving import Waiving
    from preflight.model.host import Host
    from preflight.model.report import Report
    from preflight.model.requirements import Requirements
    from preflight.model.start import Start
    from preflight.model.waiver import Waiver


class CheckOptions(FleetOptions, ReportOptions, RunOptions):
    """The values of all options."""

    facts: tuple[str, ...]
    prove: bool
    manifest: str | None
    waivers: tuple[str, ...]


@click.command("check")
@click.argument("binaries", nargs=-1, metavar="[BINARY…]")
@inventory_options
@option("--local", is_flag=True, help="judge for this machine itself")
@option("--facts", multiple=True, metavar="FILE", help="judge hosts probed earlier; no network")
@manifest_option
@waivers_option
@start_options
@report_options
@option(
    "--prove",
    is_flag=True,
    help="copy BINARY to each host, have its own loader trace the copy, remove it, compare",
)
@run_options
@fleet_options
def command(binaries: tuple[str, ...], **values: Unpack[CheckOptions]) -> int:
    """
    Say for every host whether BINARY will start there, and if not, what is missing.

    A manifest, preflight.yaml in the working directory or --manifest FILE,
    names binaries and what else the application needs of a host.
    """
    from preflight.cli.application import (  # noqa: PLC0415
        application,
        chosen_manifest,
        refuse_nothing,
        start_by,
        waivers_of,
    )
    from preflight.cli.output import (  # noqa: PLC0415
        parse_formats,
        refuse_to_overwrite,
        settle,
        write_reports,
    )
    from preflight.cli.session import files_read  # noqa: PLC0415

    formats = parse_formats(values["formats"])
    _refuse_contradictions(values)
    manifest = chosen_manifest(values["manifest"])
    refuse_to_overwrite(
        [
            *binaries,
            *((manifest.path, *manifest.binaries) if manifest else ()),
            *values["facts"],
            values["resume"],
            *files_read(values),
        ],
        [(f"--format {name}", file) for name, file in formats],
    )
    requirements = application(binaries, manifest)
    refuse_nothing(requirements)
    judged = _offline if values["facts"] else _online
    accepted = waivers_of(values["waivers"], manifest)
    done = judged(_Subject(requirements, start_by(manifest), accepted), values, formats)
    verbosity = values["verbose"] - values["quiet"]
    failures = write_reports(
        done.report, done.formats, explain=values["explain"], verbosity=verbosity
    )
    settle([*done.failures, *failures])
    if done.cut is not None:
        return done.cut
    return Exit.DEPLOYABLE if values["exit_zero"] else exit_of(done.report, values["fail_on"])


class _Subject(NamedTuple):
    """What is judged, and how it starts where neither options nor inventory say."""

    requirements: Sequence[Requirements]
    default: Start
    waivers: Sequence[Waiver]


class _Done(NamedTuple):
    """A run, before its report is written in *formats*; in others it is already."""

    report: Report
    cut: Exit | None
    formats: Formats
    failures: Sequence[OSError] = ()


def _refuse_contradictions(values: CheckOptions) -> None:
    from preflight.cli.session import refuse_with_executor  # noqa: PLC0415

    online = "the hosts were probed earlier"
    for name, given, why in (
        ("--prove", values["prove"], "a proof asks the hosts"),
        ("--local", values["local"], "give one of them"),
        ("--shard", values["shard"], online),
        ("--resume", values["resume"], online),
        ("--rerun", values["rerun"], online),
    ):
        if given and values["facts"]:
            raise UsageError(f"{name} and --facts exclude each other", why)
    refuse_with_executor(
        values, *["--facts"] * bool(values["facts"]), *["--prove"] * values["prove"]
    )
    for name, given in (("--resume", values["resume"]), ("--rerun", values["rerun"])):
        if given and values["local"]:
            raise UsageError(f"{name} and --local exclude each other", "a run needs a network")
    if values["resume"] and values["rerun"]:
        raise UsageError("--resume and --rerun exclude each other", "give one of them")


def _online(subject: _Subject, values: CheckOptions, formats: Formats) -> _Done:
    from preflight.cli.recorder import FORMAT, Recorder  # noqa: PLC0415
    from preflight.cli.run import run_fleet  # noqa: PLC0415

    if values["prove"] and any(needed.bundle is not None for needed in subject.requirements):
        raise UsageError("--prove and bundles exclude each other", "name the program in it")
    plan = _plan(subject, values)
    with Recorder(explain=values["explain"]) as recorder:
        if plan.run.id is not None:
            recorder.add_run_file(plan.run.id)
        for name, file in formats:
            if name == FORMAT:
                recorder.add(file)
        report, cut = run_fleet(plan, recorder)
    if cut is None:
        plan.waiving.warn_of_useless()
    left = [pair for pair in formats if pair[0] != FORMAT]
    return _Done(report, cut, left, recorder.failures)


def _plan(subject: _Subject, values: CheckOptions) -> Plan:
    from msgspec import structs  # noqa: PLC0415

    from preflight.cli.credentials import with_secrets  # noqa: PLC0415
    from preflight.cli.earlier import given_start, hosts_to_rerun, resume  # noqa: PLC0415
    from preflight.cli.run import Plan  # noqa: PLC0415
    from preflight.cli.runs import new_id  # noqa: PLC0415
    from preflight.cli.session import (  # noqa: PLC0415
        chosen_hosts,
        options_of,
        shard_of,
        start_of,
        starts,
    )
    from preflight.inventory.start import over  # noqa: PLC0415
    from preflight.model.report import Run  # noqa: PLC0415

    local = values["local"]
    start = start_of(values, local=local)
    hosts, shard = chosen_hosts(values, local=local), shard_of(values)
    if values["rerun"]:
        hosts = hosts_to_rerun(values["rerun"], hosts)
    options = with_secrets(options_of(values), values, hosts)
    plan = Plan(
        requirements=subject.requirements,
        hosts=hosts,
        start_for=starts(start, subject.requirements, local=local, default=subject.default),
        options=structs.replace(options, prove=values["prove"]),
        run=Run(
            id=None if local or values["no_run_file"] else new_id(),
            shard=None if shard is None else str(shard),
            hosts_expected=len(hosts),
            start=given_start(over(subject.default, start)),
        ),
        executor=values["executor"],
        waiving=_waiving(subject, hosts),
        explain=values["explain"],
        progress="none" if values["quiet"] else values["progress"],
    )
    return resume(plan, values["resume"]) if values["resume"] else plan


def _waiving(subject: _Subject, hosts: Iterable[Host]) -> Waiving:
    from preflight.cli.waiving import Waiving  # noqa: PLC0415

    today = dt.datetime.now().astimezone().date()
    return Waiving(subject.waivers, hosts, subject.requirements, today)


def _offline(subject: _Subject, values: CheckOptions, formats: Formats) -> _Done:
    from preflight.api import check_offline  # noqa: PLC0415
    from preflight.cli.recorded import recorded_hosts  # noqa: PLC0415
    from preflight.cli.session import start_of, starts  # noqa: PLC0415

    given = start_of(values, local=False)
    start_for = starts(given, subject.requirements, local=False, default=subject.default)
    recorded = recorded_hosts(values["facts"], values["inventories"], values["limits"])
    hosts = {snapshot.host: host for host, snapshot in recorded}
    report = check_offline(
        subject.requirements,
        [snapshot for _, snapshot in recorded],
        starts=lambda snapshot, needed: start_for(hosts[snapshot.host], needed),
    )
    waiving = _waiving(subject, hosts.values())
    report = waiving.report(report)
    waiving.warn_of_useless()
    return _Done(report, None, formats)
