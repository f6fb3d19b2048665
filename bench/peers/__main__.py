"""
Measures preflight and its peers in turns, over the same real sshd sessions.

    python -m bench.peers [--hosts N] [--repeat N] [--json FILE]

Needs root on Debian, and the dependency group `bench`.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.fleet import network
from bench.fleet.addresses import addresses
from bench.fleet.clients import Clients, home
from bench.fleet.measure import Usage, run
from bench.fleet.plan import Plan
from bench.fleet.results import RESULTS, Machine, Measure, Results, Run, Runs, measure_lines
from bench.fleet.scale import SCRIPT, UNAME, modes
from bench.fleet.serving import write_inventory
from bench.peers import clients as peers
from bench.peers import commands, hosts
from tests.hosts import roots

RAW = "ansible -m raw"
SETUP = "ansible -m setup"
XARGS = "ssh under xargs"
ANSIBLE = {
    RAW: ["-m", "raw", "-a", "uname -m"],
    SETUP: ["-m", "setup"],
}


class Contest:
    """All clients over the same hosts."""

    def __init__(self, there: hosts.Hosts, clients: Clients, count: int) -> None:
        self.runs = Runs()
        self._there = there
        self._clients = clients
        self._binary = roots.path_of("bookworm") / "usr/bin/curl"
        self._plan = Plan(
            addresses=addresses(count),
            port=hosts.PORT,
            user="deploy",
            identity_file=str(there.directory / "id_ed25519"),
            known_hosts=str(there.directory / "known_hosts"),
            asked=[self._asked()],
        )
        self._path = self._plan.write(clients.directory / "plan.json")
        self._inventory = self._inventory_at(hosts.PORT, self._plan.addresses)
        self._clients.preflight(self._binary, self._inventory, ())  # which fills the cache

    def contestants(self) -> dict[str, Callable[[], Usage]]:
        """Return how each client is run, by its name."""
        return {
            **{mode: self._preflight(options) for mode, options in modes().items()},
            UNAME: self._python("bench.fleet.bare", "uname"),
            SCRIPT: self._python("bench.fleet.bare", "script"),
            **{name: self._python("bench.peers.clients", name) for name in peers.PEERS},
            XARGS: self._xargs,
            **{name: self._ansible(module) for name, module in ANSIBLE.items()},
        }

    def take_turns(self, repetitions: int) -> None:
        """Run every client as often, one after the other."""
        for _ in range(repetitions):
            for name, work in self.contestants().items():
                self.runs.add(self._one(name, work))

    def measures(self) -> Iterator[Measure]:
        """Yield how many times as fast as the peers preflight is."""
        count = len(self._plan.addresses)
        for mode in modes():
            for peer, least in ((SCRIPT, 0.85), (RAW, 2.0), (SETUP, 6.0)):
                ratio = self.runs.wall_s(peer, count) / self.runs.wall_s(mode, count)
                yield Measure(
                    f"{mode}: hosts per second, of {peer}", ratio, "at least", least, "times"
                )

    def _one(self, name: str, work: Callable[[], Usage]) -> Run:
        count, before_s = len(self._plan.addresses), self._there.cpu_s()
        usage = work()
        cost_ms = 1e3 * (self._there.cpu_s() - before_s) / count
        return Run(client=name, hosts=count, usage=usage, server_cpu_ms=cost_ms)

    def _asked(self) -> list[str]:
        """Return what a second check asks."""
        inventory = self._inventory_at(hosts.WATCHED_PORT, addresses(1))
        for _ in range(2):
            self._clients.preflight(self._binary, inventory, ())
        return self._there.asked()

    def _inventory_at(self, port: int, where: list[str]) -> Path:
        return write_inventory(self._there.directory, port, where)

    def _preflight(self, options: list[str]) -> Callable[[], Usage]:
        return lambda: self._clients.preflight(self._binary, self._inventory, options)

    def _python(self, module: str, what: str) -> Callable[[], Usage]:
        def work() -> Usage:
            usage = self._clients.python(module, what, self._path)
            return self._all_answered(what, usage, int(self._clients.tail().split()[-1]))

        return work

    def _xargs(self) -> Usage:
        command = commands.xargs(self._plan, self._clients.directory)
        usage = run(command, self._clients.output, self._clients.env)
        return self._all_answered(XARGS, usage, self._clients.tail().count("x86_64"))

    def _ansible(self, module: list[str]) -> Callable[[], Usage]:
        def work() -> Usage:
            directory = self._clients.directory
            # No connection may be left from the run before.
            shutil.rmtree(directory / ".ansible", ignore_errors=True)
            command = commands.ansible(self._plan, directory, module)
            usage = run(command, self._clients.output, self._clients.env)
            said = self._clients.output.read_text("utf-8", "replace")
            answered = said.count(" | SUCCESS => ") + said.count(" | CHANGED | rc=0")
            return self._all_answered(" ".join(module), usage, answered)

        return work

    def _all_answered(self, name: str, usage: Usage, answered: int) -> Usage:
        if answered != len(self._plan.addresses):
            raise RuntimeError(
                f"{name}: only {answered} hosts answered: {self._clients.complaint()}"
            )
        return usage


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers")
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, default=RESULTS / "peers.json")
    values = parser.parse_args()
    roots.made_by(hosts.RECIPE)  # while there is a network to build it from
    network.enter("bench.peers")
    packages = ("paramiko", "fabric", "asyncssh", "parallel-ssh", "ansible-core")
    machine = Machine.this(*packages)
    with hosts.serving() as there, home() as clients:
        contest = Contest(there, clients, values.hosts)
        contest.take_turns(values.repeat)
        results = Results(machine, contest.runs.all, list(contest.measures()))
    results.write(values.json)
    print(*measure_lines(results.measures), sep="\n")


if __name__ == "__main__":
    main()
