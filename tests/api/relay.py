"""A way to a real sshd that a test can hold up, and see who is on it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_WAIT_S = 60.0


class Relay:
    """
    Passes connections on to *target*, a port of loopback.

    While it holds, new connections wait in `held`; `let_go` passes them on.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._server.getsockname()[1]
        self.holds = False
        self.held: list[socket.socket] = []
        self._passing: list[socket.socket] = []
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def let_go(self) -> None:
        """Hold nobody any more."""
        self.holds = False
        held, self.held = self.held, []
        for connection in held:
            self._pass_on(connection)

    def callers(self) -> set[int]:
        """Return the processes whose connections are held."""
        return {owner_of(connection.getpeername()[1]) for connection in self.held} - {0}

    def close(self) -> None:
        """End everything."""
        for one in (self._server, *self.held, *self._passing):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.accepted += 1
                if self.holds:
                    self.held.append(connection)
                else:
                    self._pass_on(connection)

    def _pass_on(self, connection: socket.socket) -> None:
        onward = socket.create_connection(("127.0.0.1", self._target))
        self._passing += (connection, onward)
        for one, other in ((connection, onward), (onward, connection)):
            threading.Thread(target=copy, args=(one, other), daemon=True).start()


def copy(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes, until either end is closed; then both are."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relaying(target: int) -> Iterator[Relay]:
    """Yield a relay to the port *target*."""
    relay = Relay(target)
    try:
        yield relay
    finally:
        relay.close()


def wait_until(condition: Callable[[], object], seconds: float = _WAIT_S) -> None:
    """Return when *condition* holds; fail where it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def owner_of(port: int) -> int:
    """Return the process that has a socket on the local *port*, 0 where none has."""
    inode = next(
        (
            fields[9]
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if int((fields := line.split())[1].partition(":")[2], 16) == port
        ),
        "0",
    )
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(link.readlink()) == f"socket:[{inode}]":
                return int(link.parts[2])
    return 0


def children_of(pid: int | str = "self") -> set[int]:
    """Return the processes that ask a fleet for the process *pid*."""
    found = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            with contextlib.suppress(OSError):
                if b"preflight.api.child" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.add(int(child))
    return found
