"""Chooses who asks a fleet: threads of this process, several processes, or an executor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import Protocol, Self

from preflight.api.fleet import Fleet
from preflight.api.wants import Options, Outcome, WantsOf
from preflight.model.host import Host


class Asking(Protocol):
    """A fleet that is being asked, by whomever; leaving it ends that."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be done otherwise than the options want it, one line each."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def stop(self) -> None:
        """End the run; may be called from any thread and from a signal handler."""

    def outcomes(self) -> Iterator[Outcome]:
        """Yield one outcome for each host, as they are done; to be iterated once."""


def asking(
    hosts: Iterable[Host],
    wants_of: WantsOf,
    options: Options,
    *,
    executor: Executor | None = None,
    answers: bool = True,
) -> Asking:
    """
    Return who asks *hosts*: *executor*, or as many processes as *options* say.

    Without *answers* a snapshot that comes from elsewhere holds what a report
    tells, and no more: that is less to carry, and to keep.
    """
    if executor is not None:
        from preflight.api.batches import Batches  # noqa: PLC0415

        return Batches(list(hosts), wants_of, options, executor, answers=answers)
    if options.processes == 1:
        return Fleet(hosts, wants_of, options)
    from preflight.api import shares  # noqa: PLC0415
    from preflight.api.processes import Processes  # noqa: PLC0415

    known = list(hosts)
    number = shares.useful(known, options.connect, forks=options.forks, wanted=options.processes)
    if number == 1:
        return Fleet(known, wants_of, options)
    return Processes(known, wants_of, options, number, answers=answers)
