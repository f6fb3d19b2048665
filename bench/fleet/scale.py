"""The measurement over played hosts: what one more host costs, and ten thousand of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bench.fleet.addresses import addresses
from bench.fleet.clients import Clients, offers
from bench.fleet.measure import Usage
from bench.fleet.plan import Plan
from bench.fleet.results import Measure, Run, Runs
from bench.fleet.serving import Served
from tests.hosts import roots

FEW, MANY = 200, 1000  # what one further host costs is the difference between these
DEAD_SHARE = 0.05
PREFLIGHT = "preflight"
SSH_G = "preflight, ssh -G"
UNAME = "paramiko, uname"
SCRIPT = "paramiko, our script"
_SOME_DEAD = (3, 1)  # exit statuses: undetermined, or one proven bad among them


@cache
def modes() -> dict[str, list[str]]:
    """Return the options of preflight that are measured: without ssh's configuration, and with."""
    return {PREFLIGHT: ["-F", "none"], SSH_G: []} if offers("-F,") else {PREFLIGHT: []}


class Scale:
    """The runs over *served*; *hosts* is the largest number of them."""

    def __init__(self, served: Served, clients: Clients, hosts: int) -> None:
        self.runs = Runs()
        self._served = served
        self._clients = clients
        self._hosts = hosts
        self._binary = roots.path_of("bookworm") / "usr/bin/curl"
        self._modes = modes()
        self._asked: list[list[str]] = []

    def fill(self) -> None:
        """Check all hosts once, to fill the cache, and a few again: what is asked in the end?"""
        self.check(f"{PREFLIGHT}, first check", PREFLIGHT, self._hosts)
        for _ in range(2):
            self._clients.preflight(self._binary, self._inventory(FEW), self._modes[PREFLIGHT])
            asked = self._served.counts().asked
        self._asked = [asked[number] for number in sorted(asked)]

    def alternate(self, repetitions: int) -> None:
        """Run all clients in turns over the smaller numbers of hosts."""
        for _ in range(repetitions):
            for count in (FEW, MANY):
                for mode in self._modes:
                    self.check(mode, mode, count)
                self.bare(UNAME, "uname", count)
                self.bare(SCRIPT, "script", count)

    def check(self, client: str, mode: str, count: int, dead_share: float = 0.0) -> None:
        """Run a check of *count* hosts."""
        inventory = self._inventory(count, dead_share)
        statuses = _SOME_DEAD if dead_share else (0, 1)
        usage = self._clients.preflight(self._binary, inventory, self._modes[mode], statuses)
        self._add(client, count, usage, dead=round(count * dead_share))

    def large(self) -> None:
        """Check all hosts, and the same number with some that are dead."""
        for mode in self._modes:
            self.check(mode, mode, self._hosts)
        self.check(PREFLIGHT, PREFLIGHT, self._hosts, DEAD_SHARE)

    def bare(self, client: str, what: str, count: int) -> None:
        """Run bare paramiko over *count* hosts."""
        plan = Plan(
            addresses=addresses(count),
            port=self._served.port,
            user="deploy",
            identity_file=str(self._served.identity_file),
            known_hosts=str(self._served.known_hosts),
            asked=self._asked,
        ).write(self._clients.directory / "plan.json")
        usage = self._clients.python("bench.fleet.bare", what, plan)
        answered = int(self._clients.tail())
        if answered != count:
            raise RuntimeError(f"{client}: {answered} of {count} hosts answered")
        self._add(client, count, usage)

    def measures(self) -> Iterator[Measure]:
        """Yield what the runs come to."""
        for mode in self._modes:
            yield from self._of_mode(mode)
        yield self._dead()

    def _of_mode(self, mode: str) -> Iterator[Measure]:
        runs = self.runs
        further, bare = (runs.further_ms(client, FEW, MANY) for client in (mode, UNAME))
        name = f"{mode}: client CPU per further host, of bare paramiko's with uname -m"
        yield Measure(name, further / bare, "at most", 1.5, "times")
        many = runs.of(mode, MANY)
        yield Measure(f"{mode}: rounds", max(r.rounds for r in many), "at most", 2.0, "a host")
        sent = max(run.kilobytes for run in many)
        yield Measure(f"{mode}: over the channel", sent, "at most", 100, "kB a host")
        large = runs.of(mode, self._hosts)[-1].usage
        # Where several processes ask, one more starts them and writes down what they say.
        allowed = 100 + 75 * max(1, large.peak_processes - 1)
        name = f"{mode}: peak PSS, {self._hosts} hosts"
        yield Measure(name, large.peak_pss_mb, "at most", allowed, "MB")
        longer = large.wall_s / runs.wall_s(mode, MANY)
        name = f"{mode}: time for {self._hosts} hosts, of that for {MANY}"
        yield Measure(name, longer, "at most", 1.1 * self._hosts / MANY, "times")

    def _dead(self) -> Measure:
        alive = self.runs.wall_s(PREFLIGHT, self._hosts)
        some = self.runs.wall_s(PREFLIGHT, self._hosts, dead=True)
        name = f"{PREFLIGHT}: more time where {DEAD_SHARE:.0%} of {self._hosts} hosts are dead"
        return Measure(name, 100 * (some / alive - 1), "at most", 25, "%")

    def _inventory(self, count: int, dead_share: float = 0.0) -> Path:
        return self._served.inventory(addresses(count, dead_share=dead_share))

    def _add(self, client: str, count: int, usage: Usage, dead: int = 0) -> None:
        counts = self._served.counts()
        alive = count - dead
        bytes_ = counts.received_bytes + counts.sent_bytes
        self.runs.add(
            Run(
                client=client,
                hosts=count,
                usage=usage,
                dead=dead,
                rounds=counts.rounds / alive,
                kilobytes=bytes_ / alive / 1e3,
                server_cpu_ms=1e3 * counts.cpu_s / alive,
            )
        )
