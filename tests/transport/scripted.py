"""Servers on loopback that do what no sshd does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import paramiko

from preflight.model.host import Host

GREETING = b"SSH-2.0-Scripted\r\n"


@contextlib.contextmanager
def serving(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run *script* with every connection to the port that is yielded."""
    over = threading.Event()

    def run(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            script(connection)

    def accept() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = server.accept()
                connection.settimeout(5)
                threading.Thread(target=run, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


class Relay:
    """Passes connections on to a port of loopback, until it is told otherwise."""

    def __init__(self, to: int) -> None:
        self.port = 0
        self.connections = 0
        self.instead = b""  # what a connection is told before it is closed, where not empty
        self._to = to
        self._sockets: list[socket.socket] = []

    def serve(self, connection: socket.socket) -> None:
        """Pass on what comes in both directions."""
        self.connections += 1
        if self.instead:
            connection.sendall(self.instead)
            return
        connection.settimeout(None)
        with socket.create_connection(("127.0.0.1", self._to)) as other:
            self._sockets += [connection, other]
            back = threading.Thread(target=_copy, args=(other, connection), daemon=True)
            back.start()
            _copy(connection, other)
            back.join()

    def cut(self) -> None:
        """End all connections."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relaying(port: int) -> Iterator[Relay]:
    """Yield a relay to *port*."""
    relay = Relay(port)
    with serving(relay.serve) as relay.port:
        yield relay
        relay.cut()


@contextlib.contextmanager
def half_open() -> Iterator[int]:
    """Yield a port that neither takes nor refuses a connection: its queue is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(8):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield server.getsockname()[1]


class Rules(paramiko.ServerInterface):
    """A server that lets everybody in and runs nothing, until a test says otherwise."""

    def __init__(self) -> None:
        self.transport: paramiko.Transport | None = None

    def get_allowed_auths(self, _username):
        """Allow keys."""
        return "publickey"

    def check_auth_publickey(self, _username, _key):
        """Accept any key."""
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, _kind, _chanid):
        """Open any channel."""
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, _command):
        """Run `run` for any command, once the client was told so."""

        def start() -> None:
            time.sleep(0.1)
            self.run(channel)

        threading.Thread(target=start, daemon=True).start()
        return True

    def run(self, channel: paramiko.Channel) -> None:
        """Play the command on *channel*."""


@contextlib.contextmanager
def speaking_ssh(key: paramiko.PKey, rules: Callable[[], Rules]) -> Iterator[int]:
    """Serve SSH under *rules*, one object a connection."""
    transports = []

    def script(connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(key)
        server = rules()
        server.transport = transport
        transports.append(transport)
        with contextlib.suppress(paramiko.SSHException, EOFError):
            transport.start_server(server=server)
        transport.join()

    with serving(script) as port:
        try:
            yield port
        finally:
            for transport in transports:
                transport.close()


def host_at(port: int, **fields: object) -> Host:
    """Return a host of loopback that nothing is known of."""
    return Host(name="odd", address="127.0.0.1", port=port, user="deploy", **fields)
