"""Starts the servers and writes what a client needs: keys, known_hosts, an inventory."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.fleet import images
from bench.fleet.counts import Counts
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
        return write_inventory(self.directory, self.port, addresses)


def write_inventory(directory: Path, port: int, addresses: Sequence[str]) -> Path:
    """Return an inventory of hosts at *addresses*, with the keys in *directory*."""
    path = directory / f"inventory-{port}-{len(addresses)}.yaml"
    hosts = "".join(f"  host-{n:05}: {{address: {a}}}\n" for n, a in enumerate(addresses))
    path.write_text(
        "defaults:\n"
        f"  user: deploy\n  port: {port}\n"
        f"  identity_file: {directory}/id_ed25519\n  known_hosts: {directory}/known_hosts\n"
        f"hosts:\n{hosts}"
    )
    return path


def known_hosts_line(directory: Path, port: int) -> str:
    """Return the line that says that every address of the loopback has the one key."""
    kind, key, *_ = (directory / "ssh_host_ed25519_key.pub").read_text().split()
    return f"[127.*]:{port} {kind} {key}\n"


@contextlib.contextmanager
def serving(port: int = PORT, processes: int = PROCESSES) -> Iterator[Served]:
    """Yield the hosts, which are up until the context ends."""
    cached = roots.build(images.bases())
    with runs.started() as directory, contextlib.ExitStack() as stack:
        mounted = [runs.mount_root(path, directory, name) for name, path in cached.items()]
        sshd.make_keys(directory)
        (directory / "known_hosts").write_text(known_hosts_line(directory, port))
        arguments = map(str, (port, directory, *mounted))
        command = [sys.executable, "-m", "bench.fleet.server", *arguments]
        servers = [stack.enter_context(_ended(command)) for _ in range(processes)]
        for one in servers:
            if _line(one) != b"ready\n":
                raise RuntimeError("a server did not start")
        yield Served(directory, port, tuple(servers))


def _line(server: subprocess.Popen[bytes]) -> bytes:
    return server.stdout.readline() if server.stdout else b""


@contextlib.contextmanager
def _ended(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    with_us = ["setpriv", "--pdeathsig", "TERM"]
    server = subprocess.Popen([*with_us, *command], stdout=subprocess.PIPE)
    try:
        yield server
    finally:
        server.terminate()
        server.wait()
