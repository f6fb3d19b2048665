"""
What a connection-sharing `ssh` is told through its control socket: start this command.

Said by ourselves rather than by another `ssh` a command, which would cost a
process and hide whether exit status 255 is the command's or its own.
Source: OpenSSH PROTOCOL.mux, mux.c.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

_VERSION = 4
_HELLO = 0x00000001
_NEW_SESSION = 0x10000002
_PERMISSION_DENIED = 0x80000002
_FAILURE = 0x80000003
_EXIT_MESSAGE = 0x80000004
_SESSION_OPENED = 0x80000006
_MAX_BYTES = 256 * 1024
_REQUEST = 1
_NO_ESCAPE = 0xFFFFFFFF


class Refused(Exception):  # noqa: N818 - what came back, not what broke
    """The master, or the host behind it, does not start the command; says why."""


class Control:
    """
    One connection to a master, which runs one command.

    Waits raise `TimeoutError` after the time that `wait_at_most` sets, and
    `OSError` where the master is gone.
    """

    def __init__(self, path: str, timeout_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._received = bytearray()
        try:
            self.wait_at_most(timeout_s)
            self._socket.connect(path)
            self._greet()
        except BaseException:
            self.close()
            raise

    def _greet(self) -> None:
        self._send(struct.pack(">II", _HELLO, _VERSION))
        kind, body = self._receive()
        if kind != _HELLO or body[:4] != struct.pack(">I", _VERSION):
            raise Refused("ssh shares connections in a way that is not known here")

    def wait_at_most(self, seconds: float) -> None:
        """Bound each wait to come."""
        self._socket.settimeout(max(seconds, 0.001))

    def start(self, command: str, pipes: Iterable[int]) -> None:
        """Start *command* with *pipes* as its standard input, output and error."""
        # reserved; no terminal, X11, agent or subsystem; escape character; $TERM
        request = struct.pack(">IIIIIIII", _NEW_SESSION, _REQUEST, 0, 0, 0, 0, 0, _NO_ESCAPE)
        self._send(request + _string(b"") + _string(command.encode("utf-8", "surrogateescape")))
        for number in pipes:
            socket.send_fds(self._socket, [b"\0"], [number])
        kind, body = self._receive()
        if kind != _SESSION_OPENED:
            says = body[8:] if kind in (_FAILURE, _PERMISSION_DENIED) else b"an odd answer"
            raise Refused(says.decode("utf-8", "backslashreplace"))

    def exit_status(self) -> int | None:
        """Return the command's exit status; None where it ended without one."""
        while True:
            try:
                kind, body = self._receive()
            except ConnectionError:
                return None
            if kind == _EXIT_MESSAGE and len(body) >= 8:
                return int.from_bytes(body[4:8], "big")

    def close(self) -> None:
        """End the command as far as SSH can: its channel is closed."""
        self._socket.close()

    def _send(self, message: bytes) -> None:
        self._socket.sendall(_string(message))

    def _receive(self) -> tuple[int, bytes]:
        """Return the kind and the body of the next message."""
        size = int.from_bytes(self._peek(4), "big")
        if not 4 <= size <= _MAX_BYTES:
            raise ConnectionError(f"a message of {size} bytes")
        message = self._peek(4 + size)
        del self._received[: 4 + size]
        return int.from_bytes(message[4:8], "big"), message[8:]

    def _peek(self, count: int) -> bytes:
        while len(self._received) < count:
            data = self._socket.recv(count - len(self._received))
            if not data:
                raise ConnectionError("the master hung up")
            self._received += data
        return bytes(self._received[:count])


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
