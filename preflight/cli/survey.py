"""What audit and baseline have in common: hosts are asked with no program in hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from msgspec import structs

from preflight.api import Outcome, Want
from preflight.api.ground import Standing
from preflight.cli.credentials import with_secrets
from preflight.cli.exits import Exit
from preflight.cli.recorded import recorded_hosts
from preflight.cli.run import collect
from preflight.cli.session import chosen_hosts, options_of, refuse_with_executor
from preflight.errors import UsageError
from preflight.model.host import Host
from preflight.model.start import Start
from preflight.probe.interview import Audit

if TYPE_CHECKING:
    from preflight.cli.options.fleet import SurveyOptions

Asked: TypeAlias = list[tuple[Host, Outcome]]
AUDITED = "preflight audit --save FILE"
SURVEYED = "preflight probe --all --save FILE"


def refuse_contradictions(values: SurveyOptions) -> None:
    """Raise `UsageError` for options that exclude each other."""
    refuse_with_executor(values)
    if values["facts"] and values["local"]:
        raise UsageError("--local and --facts exclude each other", "give one of them")


def ask(
    values: SurveyOptions, programs: Sequence[Standing], audit: Audit | None = None
) -> tuple[Asked, Exit | None]:
    """Return what hosts, or facts of them, have for *programs*, and why it was cut short."""
    if values["facts"]:
        made_by = SURVEYED if audit is None else AUDITED
        return recorded(values["facts"], made_by, values["inventories"], values["limits"]), None
    hosts = chosen_hosts(values, local=values["local"])
    options = with_secrets(options_of(values), values, hosts)
    done, cut = collect(
        hosts,
        lambda _: [Want(program, Start()) for program in programs],
        structs.replace(options, package_managers=False, audit=audit),
        executor=values["executor"],
        style=values["progress"],
    )
    return list(zip(hosts, done, strict=True)), cut


def recorded(
    files: Sequence[str],
    made_by: str,
    inventories: Sequence[str] = (),
    limits: Sequence[str] = (),
) -> Asked:
    """Return the hosts in *files*, *made_by* that command, as if they had been asked."""
    hosts = recorded_hosts(files, inventories, limits, made_by)
    return [(host, Outcome(snapshot, ())) for host, snapshot in hosts]
