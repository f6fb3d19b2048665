"""Earlier runs: what of one need not be asked again (``--resume``), or shall be (``--rerun``)."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from preflight.api import Outcome
from preflight.cli.run import Plan
from preflight.cli.runs import LAST, read_finished
from preflight.cli.voice import note, warn
from preflight.errors import UsageError
from preflight.model.host import Host
from preflight.model.report import GivenStart, Report
from preflight.model.start import Start
from preflight.model.verdict import Verdict
from preflight.report.merge import Part

_LOADERS_OWN = ("LD_", "GLIBC_TUNABLES")
_KINDS = ("failed", "unreachable")


def given_start(start: Start) -> GivenStart:
    """Return what the command line and the manifest said of the start, as a report tells it."""
    env = {name: value for name, value in start.env if name.startswith(_LOADERS_OWN)}
    opener = start.loaded_by
    return GivenStart(
        install_path=start.install_path,
        cwd=start.cwd,
        env=env or None,
        run_as=start.run_as,
        loaded_by=opener.requirements.path if opener else None,
        loaded_by_sha256=opener.requirements.sha256 if opener else None,
        loaded_by_path=opener.install_path if opener else None,
    )


def resume(plan: Plan, name: str) -> Plan:
    """
    Return *plan* with the results that the run *name* has of its hosts.

    Raises `UsageError` where that run was about something else.
    """
    part = read_finished(name)
    report = part.report
    _refuse_differences(part, plan)
    ids = {needs.path: needs.id for needs in plan.requirements}
    names = {needs.id: ids[needs.path] for needs in report.binaries}
    wanted = {host.name for host in plan.hosts}
    earlier = {
        outcome.snapshot.host: _renamed(outcome, names)
        for outcome in _outcomes(report)
        if outcome.snapshot.host in wanted
        and _is_done(outcome, len(names), prove=plan.options.prove)
    }
    if plan.explain and not any(verdict.libraries for verdict in report.verdicts):
        warn(f"{part.name} was made without --explain: its hosts show no libraries")
    note(f"{len(earlier):,} of {len(wanted):,} hosts are known from {part.name}")
    run = structs.replace(plan.run, resumed=report.run.id)
    return structs.replace(plan, earlier=earlier, run=run)


def hosts_to_rerun(value: str, hosts: Sequence[Host]) -> tuple[Host, ...]:
    """
    Return those of *hosts* for which ``--rerun`` VALUE, ``failed|unreachable[=RUN]``, asks.

    "failed" are all that were not deployable, "unreachable" all that were not probed.
    """
    kind, equals, name = value.partition("=")
    if kind not in _KINDS or (equals and not name):
        raise UsageError(f"--rerun {value!r}: no such hosts", "failed or unreachable, and =RUN")
    part = read_finished(name or LAST)
    wanted = {
        outcome.snapshot.host
        for outcome in _outcomes(part.report)
        if outcome.snapshot.status != "probed"
        or (kind == "failed" and not _is_deployable(outcome, len(part.report.binaries)))
    }
    if part.report.missing:
        hint = f"--resume {shlex.quote(part.report.run.id or part.name)}"
        warn(f"{part.name} is not whole: hosts that it does not have are not asked", hint)
    chosen = tuple(host for host in hosts if host.name in wanted)
    if not chosen:
        note(f"none of the hosts was {kind} in {part.name}")
    return chosen


def _refuse_differences(part: Part, plan: Plan) -> None:
    if differences := list(_differences(part.report, plan)):
        raise UsageError(
            f"{part.name} cannot be resumed: {'; '.join(differences)}",
            "check the same, or start anew without --resume",
        )


def _differences(report: Report, plan: Plan) -> Iterator[str]:
    then = {needs.path: needs.sha256 for needs in report.binaries}
    now = {needs.path: needs.sha256 for needs in plan.requirements}
    for path in dict.fromkeys([*then, *now]):
        if path not in now:
            yield f"it was about {path} too"
        elif path not in then:
            yield f"it was not about {path}"
        elif then[path] != now[path]:
            yield f"{path} has changed (sha256 {now[path][:12]}…, was {then[path][:12]}…)"
    if report.run.start is None:
        return
    for name in GivenStart.__struct_fields__:
        was, is_now = getattr(report.run.start, name), getattr(plan.run.start, name)
        if was != is_now:
            yield f"{name} is {_said(is_now)}, was {_said(was)}"


def _said(value: str | Mapping[str, str] | None) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={text}" for name, text in value.items())
    return "not given" if value is None else value


def _outcomes(report: Report) -> Iterator[Outcome]:
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in report.verdicts:
        verdicts[verdict.host].append(verdict)
    for snapshot in report.hosts:
        yield Outcome(snapshot, tuple(verdicts[snapshot.host]))


def _is_done(outcome: Outcome, binaries: int, *, prove: bool) -> bool:
    if outcome.snapshot.status == "not-run" or len(outcome.verdicts) < binaries:
        return False
    unproved = outcome.snapshot.status == "probed" and not all(
        verdict.proof for verdict in outcome.verdicts
    )
    return not (prove and unproved)


def _is_deployable(outcome: Outcome, binaries: int) -> bool:
    good = [verdict for verdict in outcome.verdicts if verdict.outcome == "deployable"]
    return len(good) >= binaries


def _renamed(outcome: Outcome, names: Mapping[str, str]) -> Outcome:
    """Return *outcome* with this run's ids of the binaries, in the order of these."""
    verdicts = [structs.replace(one, binary=names[one.binary]) for one in outcome.verdicts]
    order = list(names.values())
    return Outcome(outcome.snapshot, tuple(sorted(verdicts, key=lambda v: order.index(v.binary))))
