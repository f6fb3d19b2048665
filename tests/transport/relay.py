"""Between us and a real agent: counts the connections, and cuts them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


class Relay:
    """What went through; *path* is the socket to use."""

    def __init__(self, path: Path, agent: str) -> None:
        self.path = path
        self.connections: list[socket.socket] = []
        self._agent = agent

    def serve(self, server: socket.socket) -> None:
        """Hand every connection on, until the server is shut down."""
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(self._agent)
            self.connections.append(connection)
            for one, other in ((connection, upstream), (upstream, connection)):
                threading.Thread(target=_copy, args=(one, other), daemon=True).start()

    def cut(self) -> None:
        """End every connection, as an agent does that ends."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relaying(path: Path, agent: str) -> Iterator[Relay]:
    """Stand between *path* and the socket of a real agent."""
    relay = Relay(path, agent)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=relay.serve, args=(server,))
        thread.start()
        try:
            yield relay
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            relay.cut()


def _copy(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError), one, other:
        while data := one.recv(4096):
            other.sendall(data)
        other.shutdown(socket.SHUT_RDWR)
