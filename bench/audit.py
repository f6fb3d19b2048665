"""
How long `preflight audit` takes beside `preflight check` of one program, on the same hosts.

    python -m bench.audit [--hosts N] [--repeat N]

Real sessions of one real sshd, the caches filled by a run before; the two take
turns.  The hosts share the processes of this machine, those of all sessions
among them; so that no host looks through all of these, each has the units of a
host with systemd, where an audit looks first.  Needs root on Debian.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from bench.fleet import network
from bench.fleet.addresses import addresses
from bench.fleet.clients import Clients, home
from bench.fleet.measure import Usage, run
from bench.fleet.serving import write_inventory
from bench.peers import hosts
from tests.hosts import roots

UNITS = 60  # of one host
LIMIT = 1.3  # times the check's wall time


def audit(clients: Clients, inventory: Path) -> Usage:
    """Return what one audit took; raises RuntimeError where a host was not reached."""
    command = [sys.executable, "-m", "preflight", "audit", "-i", str(inventory), "-F", "none"]
    usage = run(command, clients.output, clients.env)
    if usage.status:
        raise RuntimeError(f"the audit ended with {usage.status}: {clients.complaint()}")
    return usage


def main() -> None:
    """Measure in turns, and print the ratio."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit")
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=5)
    values = parser.parse_args()
    roots.made_by(hosts.RECIPE)  # while there is a network to build it from
    network.enter("bench.audit")
    binary = roots.path_of("bookworm") / "usr/bin/curl"
    with hosts.serving() as there, home() as clients:
        for number in range(UNITS):
            unit = there.root / f"sys/fs/cgroup/system.slice/unit-{number}.service"
            unit.mkdir(parents=True)
        inventory = write_inventory(there.directory, hosts.PORT, addresses(values.hosts))
        found: dict[str, list[Usage]] = {"check": [], "audit": []}
        cost: dict[str, list[float]] = {"check": [], "audit": []}
        turns = {
            "check": lambda: clients.preflight(binary, inventory, ["-F", "none"]),
            "audit": lambda: audit(clients, inventory),
        }
        for _ in range(values.repeat + 1):
            for name, turn in turns.items():
                before_s = there.cpu_s()
                found[name].append(turn())
                cost[name].append(1e3 * (there.cpu_s() - before_s) / values.hosts)
    medians = {}
    for name, (_, *usages) in found.items():
        medians[name] = statistics.median(usage.wall_s for usage in usages)
        here_s = statistics.median(usage.cpu_s for usage in usages)
        there_ms = statistics.median(cost[name][1:])
        print(
            f"{name}: {medians[name]:.2f} s; CPU {here_s:.2f} s, and {there_ms:.1f} ms on each host"
        )
    ratio = medians["audit"] / medians["check"]
    print(f"{values.hosts} hosts: {ratio:.2f} times (at most {LIMIT})")


if __name__ == "__main__":
    main()
