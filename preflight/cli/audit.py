"""``preflight audit``: what the hosts are, with no program in hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Unpack

import click

from preflight import __version__
from preflight.cli.exits import Exit
from preflight.cli.options import option
from preflight.cli.options.fleet import FleetOptions, fleet_options
from preflight.cli.options.inventory import inventory_options
from preflight.errors import UsageError
from preflight.model.moment import rfc3339

if TYPE_CHECKING:
    from preflight.api import Outcome
    from preflight.api.ground import Standing
    from preflight.model.host import Host
    from preflight.model.snapshot import Snapshot
    from preflight.report.audit.document import Audit

_Asked = list["tuple[Host, Outcome]"]


class AuditOptions(FleetOptions):
    """The values of all options."""

    facts: tuple[str, ...]
    against: tuple[str, ...]
    save: str | None
    no_secrets: bool
    fail_on: str | None
    format_: Literal["table", "json", "html"]
    verbose: int


@click.command("audit")
@inventory_options
@option("--local", is_flag=True, help="this machine itself")
@option("--facts", multiple=True, metavar="FILE", help="hosts audited earlier; no network")
@option("--against", multiple=True, metavar="FILE", help="say what changed since FILE was saved")
@option("--save", metavar="FILE", help="write the facts to FILE")
@option("--no-secrets", is_flag=True, help="look for no files with keys and passwords")
@option("--fail-on", type=click.Choice(["drift"]), help="exit 1 for drift, too")
@option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "html"]),
    default="table",
    show_default=True,
    help="for people, for programs, or a page of its own",
)
@option("-v", "--verbose", count=True, help="cut nothing short")
@fleet_options
def command(**values: Unpack[AuditOptions]) -> int:
    """Say what the hosts are (system, libraries, disks, policies), who stands alone, and drift."""
    from preflight.api.audit import audit_of, audit_programs  # noqa: PLC0415
    from preflight.cli.output import put  # noqa: PLC0415
    from preflight.report.audit.document import audit  # noqa: PLC0415

    _refuse_contradictions(values)
    programs = audit_programs()
    started_at = rfc3339(dt.datetime.now(dt.UTC))
    before = _recorded(values["against"]) if values["against"] else None
    asked, cut = _asked(values, programs)
    if values["save"] is not None:
        _save(values["save"], [one.snapshot for _, one in asked], started_at)
    hosts = [
        audit_of(one.snapshot, programs, host.groups, one.verdicts or None) for host, one in asked
    ]
    against = None
    if before is not None:
        left_out = _left_out(values) - {host.name for host, _ in asked}
        olds = [old.snapshot for _, old in before if old.snapshot.host not in left_out]
        against = [audit_of(old, programs) for old in olds]
    found = audit(hosts, version=__version__, started_at=started_at, against=against)
    put(_rendered(found, values["format_"], values["verbose"]))
    if cut is not None:
        return cut
    if values["fail_on"] == "drift" and found.drift is not None and found.drift.is_any:
        return Exit.BLOCKED
    reached = all(host.status == "probed" for host in hosts)
    return Exit.DEPLOYABLE if reached else Exit.UNDETERMINED


def _rendered(found: Audit, format_: str, verbosity: int) -> Iterator[str]:
    from preflight.cli.output import view_of_output  # noqa: PLC0415
    from preflight.report.audit.document import audit_json  # noqa: PLC0415
    from preflight.report.audit.page import audit_page  # noqa: PLC0415
    from preflight.report.audit.table import audit_table  # noqa: PLC0415

    if format_ == "json":
        return audit_json(found)
    if format_ == "html":
        return audit_page(found)
    return audit_table(found, view_of_output(verbosity))


def _refuse_contradictions(values: AuditOptions) -> None:
    from preflight.cli.output import check_writable, refuse_to_overwrite  # noqa: PLC0415
    from preflight.cli.session import files_read, refuse_with_executor  # noqa: PLC0415

    refuse_with_executor(values)
    if values["facts"] and values["local"]:
        raise UsageError("--local and --facts exclude each other", "give one of them")
    if values["facts"] and values["save"]:
        raise UsageError("--save and --facts exclude each other", "the facts are saved already")
    if values["fail_on"] == "drift" and not values["against"]:
        raise UsageError("--fail-on drift has nothing to compare with", "--against FILE")
    if values["save"] is not None:
        check_writable(values["save"], "--save", "facts.jsonl")
        read = [*values["against"], *files_read(values)]
        refuse_to_overwrite(read, [("--save", values["save"])])


def _asked(values: AuditOptions, programs: Sequence[Standing]) -> tuple[_Asked, Exit | None]:
    from msgspec import structs  # noqa: PLC0415

    from preflight.api import Want  # noqa: PLC0415
    from preflight.cli.credentials import with_secrets  # noqa: PLC0415
    from preflight.cli.run import collect  # noqa: PLC0415
    from preflight.cli.session import chosen_hosts, options_of  # noqa: PLC0415
    from preflight.model.start import Start  # noqa: PLC0415
    from preflight.probe.interview import Audit  # noqa: PLC0415

    if values["facts"]:
        return _recorded(values["facts"], values["inventories"], values["limits"]), None
    hosts = chosen_hosts(values, local=values["local"])
    options = with_secrets(options_of(values), values, hosts)
    done, cut = collect(
        hosts,
        lambda _: [Want(program, Start()) for program in programs],
        structs.replace(
            options, package_managers=False, audit=Audit(secrets=not values["no_secrets"])
        ),
        executor=values["executor"],
        style=values["progress"],
    )
    return list(zip(hosts, done, strict=True)), cut


def _recorded(
    files: Sequence[str], inventories: Sequence[str] = (), limits: Sequence[str] = ()
) -> _Asked:
    from preflight.api import Outcome  # noqa: PLC0415
    from preflight.cli.recorded import recorded_hosts  # noqa: PLC0415

    recorded = recorded_hosts(files, inventories, limits)
    return [(host, Outcome(snapshot, ())) for host, snapshot in recorded]


def _left_out(values: AuditOptions) -> set[str]:
    """Return the hosts of the inventory that -l or --shard may leave out: they are still there."""
    from preflight.cli.session import the_inventory  # noqa: PLC0415

    if values["local"] or not (values["limits"] or values["shard"]):
        return set()
    if values["facts"] and not values["inventories"]:
        return {host.name for host, _ in _recorded(values["facts"])}
    sources = [source for source in values["inventories"] if source != "-"]  # it is read already
    if values["inventories"] and not sources:
        return set()
    return {host.name for host in the_inventory(sources).hosts}


def _save(file: str, snapshots: Iterable[Snapshot], created_at: str) -> None:
    from preflight.cli.output import replace_file  # noqa: PLC0415
    from preflight.model.facts import write_facts  # noqa: PLC0415

    replace_file(file, write_facts(snapshots, version=__version__, created_at=created_at))
