"""Runs a fleet in the foreground: progress, and a partial report on Ctrl-C or SIGTERM."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from preflight.api import Clock, Fleet, Options, Outcome, Want
from preflight.cli import Terminated
from preflight.cli.exits import Exit
from preflight.cli.session import progress
from preflight.cli.voice import warn
from preflight.model.host import Host
from preflight.model.report import Report
from preflight.model.requirements import Requirements
from preflight.model.start import Start


def run_fleet(
    requirements: Sequence[Requirements],
    hosts: Sequence[Host],
    start_for: Callable[[Host, Requirements], Start],
    options: Options,
) -> tuple[Report, Exit | None]:
    """
    Return the report, and the exit status where the run was cut short.

    Hosts that were not reached by then are in the report as "not-run".
    """
    clock = Clock.started()

    def wants_of(host: Host) -> list[Want]:
        return [Want(needed, start_for(host, needed)) for needed in requirements]

    done, cut = collect(hosts, wants_of, options)
    return clock.report(requirements, [done[host.name] for host in hosts]), cut


def collect(
    hosts: Sequence[Host], wants_of: Callable[[Host], Sequence[Want]], options: Options
) -> tuple[dict[str, Outcome], Exit | None]:
    """Return one outcome for each host by name, and why the run was cut short."""
    done: dict[str, Outcome] = {}
    cut: Exit | None = None
    with Fleet(hosts, wants_of, options) as fleet, progress(len(hosts)) as advance:
        outcomes = fleet.outcomes()
        while len(done) < len(hosts):
            try:
                for outcome in outcomes:
                    done[outcome.snapshot.host] = outcome
                    advance(outcome.snapshot.status)
            except KeyboardInterrupt as interrupt:
                if cut is not None:
                    raise
                cut = Exit.TERMINATED if isinstance(interrupt, Terminated) else Exit.INTERRUPTED
                warn(f"stopped after {len(done)} of {len(hosts)} hosts; the rest was not asked")
                fleet.stop()
                outcomes = fleet.outcomes()
    return done, cut
