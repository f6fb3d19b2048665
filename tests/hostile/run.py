"""Plays all hostile hosts at once, beside good ones, and asks them in one run."""

from __future__ import annotations

import contextlib
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import paramiko
from msgspec import Struct

import preflight
from preflight.model.host import Host
from preflight.model.report import Report
from preflight.model.snapshot import Snapshot
from tests.hostile import scripted, sshds
from tests.hostile.cases import CASES, CLOSED, DEAD, Case
from tests.hosts import sshd
from tests.transport.conftest import ADDRESS, free_port
from tests.transport.scripted import half_open, serving

GOOD = 20


class Result(Struct, frozen=True):
    """What became of one host, and when, in seconds from the beginning of the run."""

    snapshot: Snapshot
    seconds: float


class Run(Struct, frozen=True):
    """What became of all; memory is what the process has grown by, at its peak, in bytes."""

    report: Report
    results: Mapping[str, Result]
    elapsed_s: float
    memory_bytes: int

    def of(self, case: Case) -> list[Result]:
        """Return the results of the hosts of *case*."""
        return [self.results[name] for name in names(case)]

    def good(self) -> list[Result]:
        """Return the results of the good hosts."""
        return [one for name, one in self.results.items() if name.startswith("good")]


def names(case: Case) -> list[str]:
    """Return the names of the hosts of *case*."""
    return [case.name] if case.number == 1 else [f"{case.name}-{n + 1}" for n in range(case.number)]


def ask(hosts: list[Host], options: preflight.Options) -> Run:
    """Ask *hosts* in one run."""
    app = preflight.analyze("/bin/ls")
    results: dict[str, Result] = {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    report = preflight.check(
        [app],
        hosts,
        options=options,
        on_outcome=lambda one: results.update(
            {one.snapshot.host: Result(one.snapshot, time.monotonic() - began)}
        ),
    )
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Run(report, results, time.monotonic() - began, grown << 10)


@contextlib.contextmanager
def playing() -> Iterator[list[Host]]:
    """Yield all hosts, good and hostile by turns; what plays them ends with the context."""
    with (
        tempfile.TemporaryDirectory(prefix="preflight-hostile-") as name,
        contextlib.ExitStack() as stack,
    ):
        directory = Path(name)
        directory.chmod(0o755)
        stage = _Stage(directory, stack)
        hostile = [host for case in CASES for host in stage.hosts(case)]
        good = [stage.good(f"good-{n + 1}") for n in range(GOOD)]
        yield [*good[: GOOD // 2], *hostile, *good[GOOD // 2 :]]


class _Stage:
    """Starts what plays the hosts."""

    def __init__(self, directory: Path, stack: contextlib.ExitStack) -> None:
        self._directory = directory
        self._stack = stack
        sshds.make_keys(directory)
        self._accounts = sshds.make_homes(directory)
        self._key = paramiko.PKey.from_path(directory / "ssh_host_ed25519_key")
        self._common = self._sshd(*sshds.FORCED)

    def good(self, name: str) -> Host:
        """Return a host that can be probed."""
        return self._host(name, self._common, "ssh_host_ed25519_key")

    def hosts(self, case: Case) -> list[Host]:
        """Return the hosts of *case*, once they listen."""
        place = self._place(case)
        user = case.user or "plain"
        if not case.behind:
            return [self._host(name, place, case.known, user=user) for name in names(case)]
        gateway = self._host(case.name, place, case.known)
        port = self._sshd()
        return [
            self._host(name, port, "ssh_host_ed25519_key", gateway=gateway) for name in names(case)
        ]

    def _place(self, case: Case) -> sshds.Place:
        if case is CLOSED:
            return sshds.Place(ADDRESS, free_port())
        if case is DEAD:
            return self._dead()
        if case.script:
            return sshds.Place(ADDRESS, self._stack.enter_context(serving(case.script)))
        if case.rules:
            transport = case.transport or paramiko.Transport
            speaking = scripted.speaking(self._key, case.rules, transport)
            return sshds.Place(ADDRESS, self._stack.enter_context(speaking))
        if case.away:
            away = sshds.far_away(self._directory, self._accounts, *case.settings)
            return self._stack.enter_context(away)
        return self._common if case.settings is None else self._sshd(*case.settings)

    def _sshd(self, *settings: str) -> sshds.Place:
        listening = sshds.listening(self._directory, self._accounts, *settings)
        return self._stack.enter_context(listening)

    def _dead(self) -> sshds.Place:
        return sshds.Place(ADDRESS, self._stack.enter_context(half_open()))

    def _host(self, name: str, place: sshds.Place, known: str | None, **fields: object) -> Host:
        known_hosts = self._directory / f"known_{name}"
        key = self._directory / f"{known}.pub"
        line = sshd.known_hosts_line(place.address, place.port, key) if known else ""
        known_hosts.write_text(line)
        plain = {"user": "plain", "identity_file": str(self._directory / "id_ed25519")}
        return Host(
            name=name,
            address=place.address,
            port=place.port,
            known_hosts=str(known_hosts),
            **(plain | fields),
        )
