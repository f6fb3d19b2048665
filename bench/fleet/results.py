"""What was measured, what it has to be, and how both are written down."""

from __future__ import annotations

import datetime as dt
import os
import platform
import statistics
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from bench.fleet.measure import Usage
from preflight import __version__

RESULTS = Path(__file__).parents[1] / "results"


class Run(Struct, frozen=True, kw_only=True):
    """One run of one client; what the servers saw is per host, bytes are those of the channels."""

    client: str
    hosts: int
    usage: Usage
    dead: int = 0
    rounds: float = 0.0
    kilobytes: float = 0.0
    server_cpu_ms: float = 0.0

    @property
    def hosts_per_s(self) -> float:
        """How many hosts were done in a second."""
        return self.hosts / self.usage.wall_s


class Measure(Struct, frozen=True):
    """One figure and its limit."""

    name: str
    value: float
    sense: Literal["at most", "at least"]
    limit: float
    unit: str = ""

    @property
    def passes(self) -> bool:
        """Whether the figure keeps to its limit."""
        return self.value <= self.limit if self.sense == "at most" else self.value >= self.limit


class Machine(Struct, frozen=True):
    """Where and with what it was measured."""

    cpus: int
    cpu: str
    kernel: str
    python: str
    preflight: str
    packages: dict[str, str]
    load_before: float
    taken_on: str

    @classmethod
    def this(cls, *packages: str) -> Machine:
        """Return this machine as it is now."""
        return cls(
            cpus=os.cpu_count() or 0,
            cpu=_cpu(),
            kernel=platform.release(),
            python=platform.python_version(),
            preflight=__version__,
            packages={name: version(name) for name in packages},
            load_before=round(os.getloadavg()[0], 2),
            taken_on=dt.datetime.now(dt.UTC).date().isoformat(),
        )


class Results(Struct, frozen=True):
    """All runs of one measurement and what they come to."""

    machine: Machine
    runs: list[Run]
    measures: list[Measure]

    def write(self, path: Path) -> None:
        """Write everything to *path* as JSON; each measure says whether it passes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        document = msgspec.to_builtins(self)
        for entry, measure in zip(document["measures"], self.measures, strict=True):
            entry["passes"] = measure.passes
        path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")

    @classmethod
    def read(cls, path: Path) -> Results:
        """Return what `write` wrote."""
        return msgspec.json.decode(path.read_bytes(), type=cls)


class Runs:
    """The runs so far; the figures are medians over the repetitions."""

    def __init__(self) -> None:
        self.all: list[Run] = []

    def add(self, run: Run) -> None:
        """Keep *run* and print it."""
        self.all.append(run)
        print(line_of(run), flush=True)

    def of(self, client: str, hosts: int, *, dead: bool = False) -> list[Run]:
        """Return the runs of *client* over *hosts* hosts."""
        return [
            run
            for run in self.all
            if (run.client, run.hosts, bool(run.dead)) == (client, hosts, dead)
        ]

    def wall_s(self, client: str, hosts: int, *, dead: bool = False) -> float:
        """Return the median wall time."""
        return statistics.median(r.usage.wall_s for r in self.of(client, hosts, dead=dead))

    def cpu_s(self, client: str, hosts: int) -> float:
        """Return the median CPU time."""
        return statistics.median(run.usage.cpu_s for run in self.of(client, hosts))

    def further_ms(self, client: str, few: int, many: int) -> float:
        """Return the client's CPU for each further host, in milliseconds."""
        return 1e3 * (self.cpu_s(client, many) - self.cpu_s(client, few)) / (many - few)


def line_of(run: Run) -> str:
    """Return one line about *run*."""
    used = run.usage
    dead = f" ({run.dead} dead)" if run.dead else ""
    line = (
        f"{run.client:22} {run.hosts:6} hosts{dead}: {used.wall_s:7.2f} s, "
        f"{run.hosts_per_s:6.1f} hosts/s, CPU {used.cpu_s:7.2f} s, "
        f"PSS {used.peak_pss_mb:5.0f} MB in {used.peak_processes}, {used.peak_files} files"
    )
    line += f"; each host {run.server_cpu_ms:.1f} ms of the server"
    return f"{line}, {run.rounds:.2f} rounds, {run.kilobytes:.1f} kB" if run.rounds else line


def measure_lines(measures: Iterable[Measure]) -> Iterator[str]:
    """Yield one line for each measure: its value, its limit, and whether it is kept."""
    for one in measures:
        verdict = "pass" if one.passes else "FAIL"
        yield f"{verdict}  {one.name}: {one.value:.2f} {one.unit} ({one.sense} {one.limit:g})"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()
