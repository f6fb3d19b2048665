"""Runs a fleet in the foreground: progress, and a partial report on Ctrl-C, SIGTERM or SIGHUP."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from types import FrameType

from msgspec import Struct, structs

from preflight.api import Clock, Options, Outcome, Want, asking
from preflight.api.members import wants
from preflight.cli.exits import Exit
from preflight.cli.progress import Style, progress
from preflight.cli.recorder import Recorder
from preflight.cli.voice import warn
from preflight.cli.waiving import Waiving
from preflight.model.host import Host
from preflight.model.report import Report, Run
from preflight.model.requirements import Requirements
from preflight.model.start import Start
from preflight.report.kept import Kept
from preflight.transport.settings import check as check_configuration

_EXITS = {
    signal.SIGHUP: Exit.HUNG_UP,
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.TERMINATED,
}


class Plan(Struct, frozen=True, kw_only=True):
    """What a check over a network is to find out."""

    requirements: Sequence[Requirements]
    hosts: Sequence[Host]
    start_for: Callable[[Host, Requirements], Start]
    options: Options
    executor: str | None = None  # the URL of who asks in our place
    run: Run = Run()
    earlier: Mapping[str, Outcome] = {}  # by the names of hosts that are not asked again
    waiving: Waiving
    explain: bool = False
    progress: Style = "auto"


class Taker:
    """Takes the outcomes of a run as they come: this one lets them be."""

    is_over = False  # whether nobody wants more of them

    def take(self, outcome: Outcome) -> Outcome:
        """Return what is to be kept of *outcome*."""
        return outcome


class _Recording(Taker):
    """Has each outcome written, and keeps what a report needs of it."""

    def __init__(self, recorder: Recorder, waiving: Waiving, *, libraries: bool) -> None:
        self._recorder = recorder
        self._waiving = waiving
        self._kept = Kept(libraries=libraries)

    @property
    def is_over(self) -> bool:  # type: ignore[override]  # a property here
        return self._recorder.deserted

    def take(self, outcome: Outcome) -> Outcome:
        waived = self._waiving.outcome(outcome).verdicts
        verdicts = tuple(map(self._kept.verdict, waived))
        small = Outcome(self._kept.snapshot(outcome.snapshot), verdicts)
        self._recorder.host(small)
        return small


def run_fleet(plan: Plan, recorder: Recorder) -> tuple[Report, Exit | None]:
    """
    Return the report, and the exit status where the run was cut short.

    Each host goes to *recorder* as it is done.  Hosts that were not done by the
    end are in the report as "not-run".
    """
    clock = Clock.started()

    def wants_of(host: Host) -> list[Want]:
        return list(wants(plan.requirements, lambda needed: plan.start_for(host, needed)))

    def report(outcomes: Sequence[Outcome]) -> Report:
        return structs.replace(clock.report(plan.requirements, outcomes), run=plan.run)

    recorder.begin(report(()))
    earlier = {name: plan.waiving.outcome(outcome) for name, outcome in plan.earlier.items()}
    for outcome in earlier.values():
        recorder.host(outcome)
    left = [host for host in plan.hosts if host.name not in earlier]
    taker = _Recording(recorder, plan.waiving, libraries=plan.explain)
    done, cut = collect(
        left,
        wants_of,
        plan.options,
        executor=plan.executor,
        answers=False,
        taker=taker,
        style=plan.progress,
    )
    results = {one.snapshot.host: one for one in done} | earlier
    whole = report([results[host.name] for host in plan.hosts])
    recorder.end(whole.elapsed_s)
    return whole, cut


def collect(  # noqa: PLR0913 - each a choice of its own, and named
    hosts: Sequence[Host],
    wants_of: Callable[[Host], Sequence[Want]],
    options: Options,
    *,
    executor: str | None = None,
    answers: bool = True,
    taker: Taker | None = None,
    style: Style = "auto",
) -> tuple[list[Outcome], Exit | None]:
    """
    Return what *taker* kept of each of *hosts*, and why the run was cut short.

    Without a taker nobody wants the verdicts, and progress counts none.

    Once nobody wants more, no host is asked any more.  Raises `UsageError`
    where the ssh configuration is wrong for all of them.
    """
    check_configuration(hosts, options.connect)
    judged, taker = taker is not None, taker or Taker()
    done: dict[str, Outcome] = {}
    warnings: dict[str, None] = {}
    not_run = late = 0
    with (
        _executor(executor) as asked,
        asking(hosts, wants_of, options, executor=asked, answers=answers) as fleet,
        _signals_call(fleet.stop) as received,
        progress(len(hosts), style, judged=judged) as counts,
    ):
        for line in fleet.notes:
            warn(line, "ulimit -n")
        for outcome in fleet.outcomes():
            done[outcome.snapshot.host] = taker.take(outcome)
            counts.advance(outcome)
            warnings |= dict.fromkeys(outcome.warnings)
            not_run += outcome.snapshot.status == "not-run"
            late += outcome.snapshot.cause == "deadline" and outcome.snapshot.status == "not-run"
            if taker.is_over:
                fleet.stop()
    for warning in warnings:
        warn(warning)
    if received or late:
        why = "stopped" if received else "the run's time was over"
        warn(f"{why}; {not_run} of {len(hosts)} hosts were not done")
    return [done[host.name] for host in hosts], _EXITS[received[0]] if received else None


@contextmanager
def _executor(url: str | None) -> Iterator[Executor | None]:
    """Yield the executor that *url* names, None where there is none."""
    if url is None:
        yield None
        return
    from preflight.api.cluster import executor_at  # noqa: PLC0415

    with executor_at(url) as executor:
        yield executor


@contextmanager
def _signals_call(stop: Callable[[], None]) -> Iterator[list[signal.Signals]]:
    """
    Yield the list of the signals that came: the first calls *stop*, the second exits at once.

    The second does so also later, while the partial report is written.  A
    signal that the caller has us ignore stays ignored.
    """
    received: list[signal.Signals] = []

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        if received:
            os._exit(_EXITS[signal.Signals(number)])
        received.append(signal.Signals(number))
        stop()

    heard = [number for number in _EXITS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
    try:
        yield received
    finally:
        if not received:
            for number, handler in before.items():
                signal.signal(number, handler)
