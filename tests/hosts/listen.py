"""Listening sockets that are served from this process, by a thread each."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator

Serve = Callable[[socket.socket], subprocess.Popen[bytes] | None]


def say_nothing(_connection: socket.socket) -> None:
    """Serve a connection like a hung machine: it is open, and that is all."""


@contextlib.contextmanager
def accepting(address: tuple[str, int], serve: Serve) -> Iterator[None]:
    """Hand every connection to *address* to *serve*; the connections end with the context."""
    server = socket.create_server(address)
    with contextlib.ExitStack() as connections:
        thread = threading.Thread(target=_accept, args=(server, serve, connections))
        thread.start()
        try:
            yield
        finally:
            # Closing would not wake the thread that waits in accept().
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            server.close()


def _accept(server: socket.socket, serve: Serve, connections: contextlib.ExitStack) -> None:
    while True:
        try:
            connection, _peer = server.accept()
        except OSError:
            return
        served_by = serve(connection)
        if served_by:
            connection.close()
            connections.callback(_end, served_by)
        else:
            connections.enter_context(connection)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()
