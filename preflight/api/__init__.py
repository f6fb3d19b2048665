"""
The library surface: analyze, probe, judge, check.

`fleet` asks many hosts at a time, `conversation` is the loop of questions with
one; `processes` and `batches` have other processes and machines ask.  Nothing
here prints, reads the environment, installs a signal handler or configures
logging.  A host that cannot be asked is a `Snapshot` with another status than
"probed", never an exception.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor

from msgspec import Struct

from preflight import __version__
from preflight.analyze import analyze
from preflight.api.asking import Asking, asking
from preflight.api.fleet import Fleet
from preflight.api.members import settled, wants
from preflight.api.wants import Options, Outcome, Want, WantsOf
from preflight.judge import Judgement, judge
from preflight.model.host import Host
from preflight.model.moment import rfc3339
from preflight.model.report import Report
from preflight.model.requirements import Requirements, with_members
from preflight.model.snapshot import Snapshot
from preflight.model.start import Start
from preflight.probe.knowledge import Limits

__all__ = [
    "Asking",
    "Clock",
    "Fleet",
    "Judgement",
    "Limits",
    "Options",
    "Outcome",
    "Want",
    "analyze",
    "asking",
    "check",
    "check_offline",
    "judge",
    "probe",
]

_DEFAULTS = Options()


def probe(
    hosts: Sequence[Host],
    wants_of: WantsOf = lambda _: (),
    options: Options = _DEFAULTS,
    *,
    executor: Executor | None = None,
) -> Iterator[Snapshot]:
    """
    Yield a snapshot of each host as soon as it is known, answering what its wants ask.

    *executor* asks in place of this process; see `batches`.
    """
    with asking(hosts, wants_of, options, executor=executor) as fleet:
        yield from (outcome.snapshot for outcome in fleet.outcomes())


def check(  # noqa: PLR0913 - each a choice of its own, and named
    requirements: Sequence[Requirements],
    hosts: Sequence[Host],
    *,
    starts: Callable[[Host, Requirements], Start] = lambda host, _: host.start,
    options: Options = _DEFAULTS,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
    executor: Executor | None = None,
) -> Report:
    """
    Return the report on *requirements* and *hosts*, hosts in the given order.

    *executor* asks in place of this process; see `batches`.  *on_outcome* is
    called in the calling thread as each host is done.
    """
    clock = Clock.started()

    def wants_of(host: Host) -> Sequence[Want]:
        return list(wants(requirements, lambda needed: starts(host, needed)))

    done: dict[str, Outcome] = {}
    with asking(hosts, wants_of, options, executor=executor, answers=False) as fleet:
        for outcome in fleet.outcomes():
            done[outcome.snapshot.host] = outcome
            on_outcome(outcome)
    return clock.report(requirements, [done[host.name] for host in hosts])


def check_offline(
    requirements: Sequence[Requirements],
    snapshots: Iterable[Snapshot],
    *,
    starts: Callable[[Snapshot, Requirements], Start],
) -> Report:
    """Return the report on hosts that were probed earlier; nothing is asked."""
    clock = Clock.started()
    outcomes = [_offline(snapshot, requirements, starts) for snapshot in snapshots]
    return clock.report(requirements, outcomes)


def _offline(
    snapshot: Snapshot,
    requirements: Sequence[Requirements],
    starts: Callable[[Snapshot, Requirements], Start],
) -> Outcome:
    wanted = list(wants(requirements, lambda needed: starts(snapshot, needed)))
    verdicts = (judge(want.requirements, want.start, snapshot).verdict for want in wanted)
    return Outcome(snapshot, settled(wanted, verdicts))


class Clock(Struct, frozen=True):
    """When a run began."""

    wall: dt.datetime
    monotonic_s: float

    @classmethod
    def started(cls) -> Clock:
        """Return the clock of a run that begins now."""
        return cls(dt.datetime.now(dt.UTC), time.monotonic())

    def report(self, requirements: Sequence[Requirements], outcomes: Sequence[Outcome]) -> Report:
        """Return the report of a run that ends now."""
        return Report(
            version=__version__,
            started_at=rfc3339(self.wall),
            elapsed_s=round(time.monotonic() - self.monotonic_s, 3),
            binaries=with_members(one for one in requirements if one.member_of is None),
            hosts=tuple(outcome.snapshot for outcome in outcomes),
            verdicts=tuple(verdict for outcome in outcomes for verdict in outcome.verdicts),
        )
