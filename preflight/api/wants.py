"""What is asked of a fleet, how, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from preflight.model.host import Host
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Snapshot
from preflight.model.start import Start
from preflight.model.verdict import Verdict
from preflight.probe.interview import Audit
from preflight.probe.knowledge import Limits
from preflight.probe.store import SIZE_BYTES
from preflight.transport import Options as ConnectOptions


class Want(Struct, frozen=True):
    """One binary, and how it will be started on the host in question."""

    requirements: Requirements
    start: Start


class Options(Struct, frozen=True, kw_only=True):
    """How a fleet is asked; times in seconds."""

    forks: int = 64  # over all processes
    processes: int | None = 1  # None: as many as this machine and the fleet can use
    timeout_s: float = 60.0  # the whole host
    deadline_s: float | None = None  # the whole run; what is not done by then is "not-run"
    retries: int = 2  # after a fault of the way to a host, never after an answer
    rate: float | None = None  # new connections per second
    store: Path | None = None  # directory of the library store; None: in memory
    store_bytes: int = SIZE_BYTES  # what it may take up; looked at once a day
    everything: bool = False  # collect every library, not only what the programs ask for
    package_managers: bool = True  # ask those of hosts what would mend a finding
    audit: Audit | None = None  # what is asked beyond the facts of a verdict
    prove: bool = False  # have the hosts' own loaders trace a copy of each program
    limits: Limits = Limits()  # of one host; what they leave open is "not-asked"
    connect: ConnectOptions = ConnectOptions()


class Outcome(Struct, frozen=True):
    """One host, asked and judged; verdicts in the order of its wants."""

    snapshot: Snapshot
    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...] = ()  # what to mend on this side, such as a line of known_hosts


WantsOf = Callable[[Host], Sequence[Want]]
