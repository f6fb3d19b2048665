"""Writes docs/performance.md and its chart from bench/results: python -m docs.make_performance."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bench.fleet.images import COUNT
from bench.fleet.results import RESULTS, Measure, Results, Run
from bench.fleet.scale import FEW, MANY, PREFLIGHT, SCRIPT, SSH_G, UNAME
from bench.fleet.serving import PROCESSES
from docs.chart import Bar, Panel, number, svg

PAGE = Path(__file__).with_name("performance.md")
CHART = Path(__file__).with_name("performance.svg")
_OURS = (PREFLIGHT, SSH_G)

_HEAD = """# How fast is it, and what does it cost?

`make bench-fleet` measures it (root on Debian) and writes this page and its chart. All figures are
of one machine, taken on {taken_on}: {cpus} CPUs ({cpu}), which clients and servers
share, with a load of {load} from others when the runs began. Read them as ratios. The program is
bookworm's curl with its twenty libraries; the hosts were checked before, so that their libraries
are known and only a look at each host is left.

"""

_PEERS = """## Beside other ways to run a command on {hosts} hosts

![Hosts per second and CPU per host of preflight and its peers](performance.svg)

The hosts are {hosts} addresses of one real sshd (OpenSSH 9.2) over a Debian root. Preflight asks
for the facts, looks at some fifty files and judges. The others log in and run `uname -m`; only
*paramiko, our script* sends preflight's own script and requests, and throws the answers away;
`setup` is Ansible's own collecting of facts. All have 64 hosts in flight, and start anew for every
run. Medians of {repetitions} runs, the clients in turns.

"""

_PEERS_END = """
CPU is that of the client's whole process tree, start-up included; memory is PSS, sampled five times
a second. Fabric and parallel-ssh check no host's key, as they come; the others do. Fabric runs in a
pool of threads, since its `ThreadingGroup` has no limit. For Ansible, pipelining is switched on and
the hosts' Python is named; the connections that it leaves open for later are ended, and counted.

"""

_FURTHER = """## What one more host costs

The hosts are played, from {few} to {many:,} of them: {images} images, recorded from real roots,
each host with inodes, times, devices, a clock and mounts of its own.

"""

_FURTHER_END = """
A played host answers at once, so one Python process is what limits hosts per second here, and
judging {images} images for the first time is a part of {many:,} hosts' time that it is not of more.
Over a real sshd, see above, both matter less.
"""

_LARGE_END = """
A dead host drops every packet, so that connecting to it ends at the limit of ten seconds. Rounds
and kB are what the servers counted on the channels, the script itself included. The *first check*
fills an empty cache: one host of each image sends its libraries.

"""

_HOW = """
## How it is measured

- The servers take CPU from the clients: for `uname -m` a played host takes {played_ms} ms
  (asyncssh, {servers} processes), one of the real sshd {real_ms} ms. So hosts per second are nearer
  to each other than the clients' own costs are.
- A played host answers what the real script answered in a real root, but for what is a host's own.
  It does not know beforehand what will be asked: what was not asked yet is recorded from the root.
- CPU is from the kernel's accounts of all processes that the client ever started (`getrusage`, with
  orphans adopted), not sampled.
- Everything happens in a network namespace that has nothing but a loopback. Dead hosts are a subnet
  of it whose packets nftables drops.
- preflight {version}, Python {python}, Linux {kernel};
  {packages}.

All runs one by one: [fleet.json](../bench/results/fleet.json) and
[peers.json](../bench/results/peers.json).
"""


def page(fleet: Results, peers: Results) -> str:
    """Return the page."""
    machine = fleet.machine
    head = _HEAD.format(
        cpus=machine.cpus,
        cpu=machine.cpu,
        taken_on=machine.taken_on,
        load=max(machine.load_before, peers.machine.load_before),
    )
    parts = [head, *_peers(peers), *_further(fleet), *_large(fleet), *_limits(fleet, peers)]
    return "".join(parts) + _how(fleet, peers)


def chart(peers: Results) -> str:
    """Return the picture of the peers, the fastest first."""
    clients = sorted(_by_client(peers.runs).items(), key=lambda item: -_hosts_per_s(item[1]))
    speed = [Bar(name, _hosts_per_s(runs), name in _OURS) for name, runs in clients]
    cpu = [Bar(name, _cpu_ms(runs), name in _OURS) for name, runs in clients]
    count = peers.runs[0].hosts
    panels = (
        Panel(f"Hosts per second, {count} hosts: more is better", speed),
        Panel("Client CPU, milliseconds a host: less is better", cpu),
    )
    return svg("Hosts per second and client CPU per host", panels)


def _peers(peers: Results) -> Iterator[str]:
    clients = _by_client(peers.runs)
    repetitions = len(next(iter(clients.values())))
    yield _PEERS.format(hosts=peers.runs[0].hosts, repetitions=repetitions)
    yield _columns("client", "hosts/s", "client CPU, ms a host", "peak memory, MB", "open files")
    for name, runs in clients.items():
        memory = max(run.usage.peak_pss_mb for run in runs)
        files = max(run.usage.peak_files for run in runs)
        yield _row(name, _hosts_per_s(runs), _cpu_ms(runs), memory, files)
    yield _PEERS_END


def _further(fleet: Results) -> Iterator[str]:
    yield _FURTHER.format(few=FEW, many=MANY, images=COUNT)
    times = (f"{FEW} hosts, s", f"{MANY:,} hosts, s")
    yield _columns("client", *times, "hosts/s", "CPU of one more, ms", f"of *{UNAME}*")
    bare = _further_ms(fleet, UNAME)
    for name in (PREFLIGHT, SSH_G, UNAME, SCRIPT):
        if many := _runs(fleet, name, MANY):
            few_s, many_s = (_wall_s(_runs(fleet, name, count)) for count in (FEW, MANY))
            further = _further_ms(fleet, name)
            yield _row(name, few_s, many_s, _hosts_per_s(many), further, f"{further / bare:.2f}")
    yield _FURTHER_END.format(images=COUNT, many=MANY)


def _large(fleet: Results) -> Iterator[str]:
    largest = max(run.hosts for run in fleet.runs)
    yield f"\n## {largest:,} hosts\n\n"
    used_by = ("CPU, ms a host", "peak memory, MB", "processes", "open files")
    yield _columns("client", "hosts", "dead", "s", "hosts/s", *used_by, "rounds", "kB a host")
    for run in (run for run in fleet.runs if run.hosts == largest):
        used = run.usage
        cost = 1e3 * used.cpu_s / run.hosts
        amounts = (used.wall_s, run.hosts_per_s, cost, used.peak_pss_mb, used.peak_processes)
        yield _row(run.client, run.hosts, run.dead, *amounts, used.peak_files, *_served(run))
    yield _LARGE_END


def _limits(*results: Results) -> Iterator[str]:
    yield "## What it has to be\n\n"
    yield _columns("measure", "value", "limit", "")
    for measure in (measure for one in results for measure in one.measures):
        yield _row(*_limit(measure))


def _limit(measure: Measure) -> tuple[str, str, str, str]:
    kept = "kept" if measure.passes else "**missed**"
    limit = f"{measure.sense} {measure.limit:g}"
    return measure.name, f"{measure.value:.2f} {measure.unit}", limit, kept


def _how(fleet: Results, peers: Results) -> str:
    packages = {**fleet.machine.packages, **peers.machine.packages}
    return _HOW.format(
        servers=PROCESSES,
        played_ms=number(_server_ms(fleet)),
        real_ms=number(_server_ms(peers)),
        version=fleet.machine.preflight,
        python=fleet.machine.python,
        packages=", ".join(f"{name} {release}" for name, release in packages.items()),
        kernel=fleet.machine.kernel,
    )


def _server_ms(results: Results) -> float:
    return statistics.median(run.server_cpu_ms for run in results.runs if run.client == UNAME)


def _served(run: Run) -> tuple[str, float]:
    return f"{run.rounds:.2f}", run.kilobytes


def _by_client(runs: Iterable[Run]) -> dict[str, list[Run]]:
    clients: dict[str, list[Run]] = {}
    for run in runs:
        clients.setdefault(run.client, []).append(run)
    return clients


def _runs(results: Results, client: str, hosts: int) -> list[Run]:
    return [run for run in results.runs if (run.client, run.hosts) == (client, hosts)]


def _wall_s(runs: Sequence[Run]) -> float:
    return statistics.median(run.usage.wall_s for run in runs)


def _hosts_per_s(runs: Sequence[Run]) -> float:
    return runs[0].hosts / _wall_s(runs)


def _cpu_ms(runs: Sequence[Run]) -> float:
    return 1e3 * statistics.median(run.usage.cpu_s for run in runs) / runs[0].hosts


def _further_ms(results: Results, client: str) -> float:
    few, many = (_cpu_ms(_runs(results, client, count)) * count for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def _columns(first: str, *others: str) -> str:
    return _row(first, *others) + _row("---", *("---:" for _ in others))


def _row(*cells: str | float) -> str:
    words = (cell if isinstance(cell, str) else _cell(cell) for cell in cells)
    return f"| {' | '.join(words)} |\n"


def _cell(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else number(value)


def measured() -> tuple[Results, Results]:
    """Return what was measured last: over played hosts, and beside the peers."""
    fleet, peers = (Results.read(RESULTS / f"{name}.json") for name in ("fleet", "peers"))
    return fleet, peers


if __name__ == "__main__":
    results = measured()
    PAGE.write_text(page(*results), "utf-8")
    CHART.write_text(chart(results[1]), "utf-8")
