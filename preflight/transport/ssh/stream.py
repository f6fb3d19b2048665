"""One command over one SSH channel."""

from __future__ import annotations

import contextlib
import threading

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST
from paramiko.message import Message

from preflight.errors import TransportError
from preflight.model import text
from preflight.transport import Deadline
from preflight.transport.lost import lost
from preflight.transport.ssh.protocol import BROKEN, Transport

STDERR_BYTES = 4096
_CHUNK_BYTES = 32 * 1024
_PHASE = "while a command ran"
# How long standard input may be full before standard error is looked at, and
# how long an exit status may come after the end of the output.
_STALL_S = 0.05
_STATUS_S = 1.0


class _Arrival(threading.Event):
    """Says that something came; paramiko's buffers set it, only the reader clears it."""

    def clear(self) -> None:
        """Ignore a buffer that ran empty: another one may have filled meanwhile."""

    def expect(self) -> None:
        """Forget what came so far."""
        super().clear()


class SshStream:
    """
    A command on a host; output is taken as it is read, so that SSH's window bounds it.

    A host that sends more than its window is cut off.
    """

    def __init__(
        self,
        transport: Transport,
        command: str,
        deadline: Deadline,
        session_closed: threading.Event,
    ) -> None:
        self._transport = transport
        self._deadline = deadline
        self._session_closed = session_closed
        self._closed = False
        self._stderr = bytearray()
        self._channel = self._open()
        self._arrival = _Arrival()
        self._channel.in_buffer.set_event(self._arrival)
        self._channel.in_stderr_buffer.set_event(self._arrival)
        self._execute(command)

    def _open(self) -> paramiko.Channel:
        try:
            return self._transport.open_session(timeout=self._deadline.left_s())
        except paramiko.ChannelException as error:
            reason = f"the host opens no session: {error.text!r}"
            raise TransportError("error", "no-shell", reason) from None
        except BROKEN:
            raise self._lost() from None

    def _execute(self, command: str) -> None:
        """Ask for the command and go on, as ssh does: a refusal shows when it is read from."""
        request = Message()
        request.add_byte(cMSG_CHANNEL_REQUEST)
        request.add_int(self._channel.remote_chanid)
        request.add_string("exec")
        request.add_boolean(True)
        request.add_string(command)
        with contextlib.suppress(*BROKEN):
            self._transport.send_on(self._channel, request)

    def send(self, data: bytes) -> None:
        """Write all of *data*; standard output is the caller's to read meanwhile."""
        rest = memoryview(data)
        while rest:
            self._drain_stderr()
            self._channel.settimeout(min(_STALL_S, self._deadline.left_s()))
            try:
                sent = self._channel.send(bytes(rest[:_CHUNK_BYTES]))
            except TimeoutError:
                sent = 0
            except BROKEN:
                raise self._failure() from None
            if not self._deadline.left_s() or (self._channel.closed and not sent):
                raise self._failure()
            rest = rest[sent:]

    def read(self, limit: int) -> bytes:
        """Return between 1 and *limit* bytes of standard output, b"" at its end."""
        while True:
            self._arrival.expect()
            self._drain_stderr()
            if self._channel.recv_ready():
                return self._receive(limit)
            if self._channel.eof_received or self._channel.closed:
                return self._end()
            if not self._arrival.wait(self._deadline.left_s()):
                raise self._lost()

    def _receive(self, limit: int) -> bytes:
        if len(self._channel.in_buffer) > 2 * self._transport.default_window_size:
            reason = "the host sends more than it was allowed to"
            raise TransportError("error", "output-limit", reason)
        self._channel.settimeout(0.0)
        try:
            return self._channel.recv(limit)
        except BROKEN:  # the window could not be acknowledged
            raise self._failure() from None

    def _end(self) -> bytes:
        """Return the end of output where the host said so; raise for any other end."""
        if not self._channel.event_ready or (self._is_lost() and not self._channel.eof_received):
            raise self._failure()
        return b""

    def _is_lost(self) -> bool:
        return (
            self._closed
            or self._session_closed.is_set()
            or not self._transport.is_active()
            or not self._deadline.left_s()
        )

    def _lost(self) -> TransportError:
        if self._closed or self._session_closed.is_set():
            return TransportError("not-run", "interrupted", "closed before the command was done")
        return lost(_PHASE, self._deadline, self._transport.farewell)

    def _failure(self) -> TransportError:
        if self._is_lost():
            return self._lost()
        if not self._channel.event_ready:
            return TransportError("error", "no-shell", "the host refuses to run a command")
        return TransportError("error", "protocol", "the command ended before its input")

    def _drain_stderr(self) -> None:
        self._channel.settimeout(0.0)
        with contextlib.suppress(*BROKEN):
            while self._channel.recv_stderr_ready():
                self._stderr += self._channel.recv_stderr(_CHUNK_BYTES)
                del self._stderr[:-STDERR_BYTES]

    def stderr_text(self) -> str:
        """Return the last `STDERR_BYTES` of standard error."""
        self._drain_stderr()
        return text.decode(bytes(self._stderr))

    def exit_status(self) -> int | None:
        """Return the exit status, None where there is none yet, or no other than a signal's."""
        if self._channel.eof_received or self._channel.closed:
            self._channel.status_event.wait(min(_STATUS_S, self._deadline.left_s()))
        status = self._channel.exit_status
        return None if status < 0 else status

    def close(self) -> None:
        """End the command as far as SSH can: its channel is closed."""
        self._closed = True
        with contextlib.suppress(*BROKEN):
            self._channel.close()
