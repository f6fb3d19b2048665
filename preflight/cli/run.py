"""Runs a fleet in the foreground: progress, and a partial report on Ctrl-C, SIGTERM or SIGHUP."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Timer
from types import FrameType

from preflight.api import Clock, Fleet, Options, Outcome, Want
from preflight.cli.exits import Exit
from preflight.cli.voice import interactive, warn
from preflight.model.host import Host
from preflight.model.report import Report
from preflight.model.requirements import Requirements
from preflight.model.start import Start

_MOMENT_S = 1.0  # a run that takes no longer shows no progress
_EXITS = {
    signal.SIGHUP: Exit.HUNG_UP,
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.TERMINATED,
}


def run_fleet(
    requirements: Sequence[Requirements],
    hosts: Sequence[Host],
    start_for: Callable[[Host, Requirements], Start],
    options: Options,
) -> tuple[Report, Exit | None]:
    """
    Return the report, and the exit status where the run was cut short.

    Hosts that were not done by then are in the report as "not-run".
    """
    clock = Clock.started()

    def wants_of(host: Host) -> list[Want]:
        return [Want(needed, start_for(host, needed)) for needed in requirements]

    done, cut = collect(hosts, wants_of, options)
    return clock.report(requirements, done), cut


def collect(
    hosts: Sequence[Host], wants_of: Callable[[Host], Sequence[Want]], options: Options
) -> tuple[list[Outcome], Exit | None]:
    """Return one outcome for each of *hosts*, and why the run was cut short."""
    done: dict[str, Outcome] = {}
    with (
        Fleet(hosts, wants_of, options) as fleet,
        _signals_call(fleet.stop) as received,
        _progress(len(hosts)) as advance,
    ):
        for line in fleet.notes:
            warn(line, "ulimit -n")
        for outcome in fleet.outcomes():
            done[outcome.snapshot.host] = outcome
            advance(outcome.snapshot.status)
    for warning in dict.fromkeys(line for one in done.values() for line in one.warnings):
        warn(warning)
    left = sum(one.snapshot.status == "not-run" for one in done.values())
    if received or left:
        why = "stopped" if received else "the run's time was over"
        warn(f"{why}; {left} of {len(hosts)} hosts were not done")
    return [done[host.name] for host in hosts], _EXITS[received[0]] if received else None


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


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """
    Yield a function to call with each finished host's status.

    A bar on a terminal, after a moment; nothing in a pipe.
    """
    if not interactive(sys.stderr) or total < 2:
        yield lambda _: None
        return
    from rich import progress as rich_progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    bar = rich_progress.Progress(
        rich_progress.TextColumn("asking hosts"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TextColumn("{task.fields[bad]}"),
        rich_progress.TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("hosts", total=total, bad="")
    failed = 0

    def advance(status: str) -> None:
        nonlocal failed
        failed += status != "probed"
        bar.update(task, advance=1, bad=f"{failed} not reached" if failed else "")

    curtain = Timer(_MOMENT_S, bar.start)
    curtain.start()
    try:
        yield advance
    finally:
        curtain.cancel()
        curtain.join()
        with suppress(OSError):  # the terminal is gone
            bar.stop()
