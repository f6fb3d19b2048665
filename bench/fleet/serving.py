"""Starts the servers and writes what a client needs: keys, known_hosts, an inventory."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.fleet import images
from bench.fleet.network import DEAD
from bench.fleet.server import FIRST, Counts
from tests.hosts import roots, runs, sshd

PORT = 2022

PROCESSES = 2


class Served(Struct, frozen=True):
    """Hosts that are up; *directory* holds their keys."""

    directory: Path
    port: int
    servers: tuple[subprocess.Popen[bytes], ...]

    def counts(self) -> Counts:
        """Return what all servers counted since this was last asked."""
        total = Counts()
        for server in self.servers:
            server.send_signal(signal.SIGUSR1)
            one = msgspec.json.decode(_line(server), type=Counts)
            for field in ("sessions", "rounds", "received_bytes", "sent_bytes", "cpu_s"):
                setattr(total, field, getattr(total, field) + getattr(one, field))
            total.asked |= one.asked
        return total

    @property
    def identity_file(self) -> Path:
        """The key that every host lets in."""
        return self.directory / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """One line with the one key of all hosts."""
        return self.directory / "known_hosts"

    def inventory(self, addresses: Sequence[str]) -> Path:
        """Return an inventory of the hosts at *addresses*, named by their addresses."""
        path = self.directory / f"inventory-{len(addresses)}-{addresses[0]}.yaml"
        hosts = "".join(f"  host-{n:05}: {{address: {a}}}\n" for n, a in enumerate(addresses))
        path.write_text(
            "defaults:\n"
            f"  user: deploy\n  port: {self.port}\n"
            f"  identity_file: {self.identity_file}\n  known_hosts: {self.known_hosts}\n"
            f"hosts:\n{hosts}"
        )
        return path


def address(number: int) -> str:
    """Return the address of host *number*."""
    return str(ipaddress.IPv4Address(FIRST + number))


def dead_address(number: int) -> str:
    """Return an address at which nothing ever answers."""
    return f"{DEAD}.{number // 250}.{1 + number % 250}"


def addresses(count: int, *, dead_share: float = 0.0) -> list[str]:
    """Return the addresses of *count* hosts, the dead ones spread evenly among them."""
    every = round(1 / dead_share) if dead_share else count + 1
    return [dead_address(n) if n % every == every - 1 else address(n) for n in range(count)]


@contextlib.contextmanager
def serving(port: int = PORT, processes: int = PROCESSES) -> Iterator[Served]:
    """Yield the hosts, which are up until the context ends."""
    cached = roots.build(images.bases())
    with runs.started() as directory, contextlib.ExitStack() as stack:
        mounted = [runs.mount_root(path, directory, name) for name, path in cached.items()]
        sshd.make_keys(directory)
        kind, key, *_ = (directory / "ssh_host_ed25519_key.pub").read_text().split()
        (directory / "known_hosts").write_text(f"[127.*]:{port} {kind} {key}\n")
        command = [sys.executable, "-m", "bench.fleet.server", str(port), directory, *mounted]
        servers = [stack.enter_context(_ended(command)) for _ in range(processes)]
        for server in servers:
            if _line(server) != b"ready\n":
                raise RuntimeError("a server did not start")
        yield Served(directory, port, tuple(servers))


def _line(server: subprocess.Popen[bytes]) -> bytes:
    return server.stdout.readline() if server.stdout else b""


@contextlib.contextmanager
def _ended(command: list[str | Path]) -> Iterator[subprocess.Popen[bytes]]:
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        yield server
    finally:
        server.terminate()
        server.wait()
