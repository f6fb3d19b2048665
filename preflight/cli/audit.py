"""``preflight audit``: what the hosts are, with no program in hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Unpack

import click

from preflight import __version__
from preflight.cli.exits import Exit
from preflight.cli.options import format_option, option
from preflight.cli.options.fleet import SurveyOptions, fleet_options
from preflight.cli.options.inventory import inventory_options
from preflight.errors import UsageError
from preflight.model.moment import rfc3339

if TYPE_CHECKING:
    from preflight.report.audit.document import Audit


class AuditOptions(SurveyOptions):
    """The values of all options."""

    against: tuple[str, ...]
    save: str | None
    no_secrets: bool
    fail_on: str | None
    format_: Literal["table", "json", "html"]


@click.command("audit")
@inventory_options
@option("--local", is_flag=True, help="this machine itself")
@option("--facts", multiple=True, metavar="FILE", help="hosts audited earlier; no network")
@option("--against", multiple=True, metavar="FILE", help="say what changed since FILE was saved")
@option("--save", metavar="FILE", help="write the facts to FILE")
@option("--no-secrets", is_flag=True, help="look for no files with keys and passwords")
@option("--fail-on", type=click.Choice(["drift"]), help="exit 1 for drift, too")
@format_option("table", "json", "html", about="for people, for programs, or a page of its own")
@option("-v", "--verbose", count=True, help="cut nothing short")
@fleet_options
def command(**values: Unpack[AuditOptions]) -> int:
    """Say what the hosts are (system, libraries, disks, policies), who stands alone, and drift."""
    from preflight.api.audit import audit_of, audit_programs  # noqa: PLC0415
    from preflight.cli.output import put  # noqa: PLC0415
    from preflight.cli.recorded import save  # noqa: PLC0415
    from preflight.cli.survey import AUDITED, ask, recorded  # noqa: PLC0415
    from preflight.probe.interview import Audit as Scope  # noqa: PLC0415
    from preflight.report.audit.document import audit  # noqa: PLC0415

    _refuse_contradictions(values)
    programs = audit_programs()
    started_at = rfc3339(dt.datetime.now(dt.UTC))
    before = recorded(values["against"], AUDITED) if values["against"] else None
    asked, cut = ask(values, programs, Scope(secrets=not values["no_secrets"]))
    if values["save"] is not None:
        save(values["save"], [one.snapshot for _, one in asked], started_at)
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
    from preflight.cli.session import files_read  # noqa: PLC0415
    from preflight.cli.survey import refuse_contradictions  # noqa: PLC0415

    refuse_contradictions(values)
    if values["facts"] and values["save"]:
        raise UsageError("--save and --facts exclude each other", "the facts are saved already")
    if values["fail_on"] == "drift" and not values["against"]:
        raise UsageError("--fail-on drift has nothing to compare with", "--against FILE")
    if values["save"] is not None:
        check_writable(values["save"], "--save", "facts.jsonl")
        read = [*values["against"], *files_read(values)]
        refuse_to_overwrite(read, [("--save", values["save"])])


def _left_out(values: AuditOptions) -> set[str]:
    """Return the hosts of the inventory that -l or --shard may leave out: they are still there."""
    from preflight.cli.session import the_inventory  # noqa: PLC0415
    from preflight.cli.survey import AUDITED, recorded  # noqa: PLC0415

    if values["local"] or not (values["limits"] or values["shard"]):
        return set()
    if values["facts"] and not values["inventories"]:
        return {host.name for host, _ in recorded(values["facts"], AUDITED)}
    sources = [source for source in values["inventories"] if source != "-"]  # it is read already
    if values["inventories"] and not sources:
        return set()
    return {host.name for host in the_inventory(sources).hosts}
