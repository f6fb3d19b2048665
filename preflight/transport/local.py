"""The machine that preflight runs on, without SSH: a shell in a process group of its own."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from msgspec import Struct

from preflight.errors import TransportError
from preflight.model import text
from preflight.model.host import Host
from preflight.transport import Contact, Deadline, Options
from preflight.transport.lost import lost

STDERR_BYTES = 4096
_CHUNK_BYTES = 64 * 1024
# How soon a wait notices that another thread closed the stream, and how long
# an exit status may come after the end of the output.
_TICK_S = 0.1
_STATUS_S = 1.0
_TERMINATIONS = 5
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
_WRITABLE = select.POLLOUT | select.POLLHUP | select.POLLERR


class LocalStream:
    """A command of this machine; it and its children are killed at the end."""

    def __init__(self, command: str, deadline: Deadline) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603 - the caller's command is the purpose
            ["/bin/sh", "-c", command], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
        self._deadline = deadline
        self._closed = threading.Event()
        self._in_use = threading.Lock()
        self._stderr = bytearray()
        self._pipes = [
            p for p in (self._process.stdin, self._process.stdout, self._process.stderr) if p
        ]
        self._in, self._out, self._err = (p.fileno() for p in self._pipes)
        self._err_open = True
        for number in (self._in, self._out, self._err):
            os.set_blocking(number, False)

    def send(self, data: bytes) -> None:
        """Write all of *data*; standard error is drained, standard output the caller's to read."""
        rest = memoryview(data)
        with self._in_use:
            while rest:
                self._wait(self._in, _WRITABLE)
                with contextlib.suppress(BlockingIOError):
                    rest = rest[self._write(rest[:_CHUNK_BYTES]) :]

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._in, data)
        except BrokenPipeError:
            reason = "the command ended before its input"
            raise TransportError("error", "protocol", reason) from None

    def read(self, limit: int) -> bytes:
        """Return between 1 and *limit* bytes of standard output, b"" at its end."""
        with self._in_use:
            while True:
                self._wait(self._out, _READABLE)
                with contextlib.suppress(BlockingIOError):
                    data = os.read(self._out, limit)
                    if data or not self._closed.is_set():  # an end that we made is none
                        return data

    def _wait(self, number: int, events: int) -> None:
        """Wait until pipe *number* is ready, and drain standard error meanwhile."""
        while True:
            if self._closed.is_set():
                reason = "closed before the command was done"
                raise TransportError("not-run", "interrupted", reason)
            if not self._deadline.left_s():
                self._kill()
                raise lost("while a command ran", self._deadline)
            ready = self._poll(number, events)
            if self._err in ready:
                self._drain_stderr()
            if number in ready:
                return

    def _poll(self, number: int, events: int) -> set[int]:
        poll = select.poll()
        poll.register(number, events)
        if self._err_open:
            poll.register(self._err, _READABLE)
        return {n for n, _ in poll.poll(1000 * min(_TICK_S, self._deadline.left_s()))}

    def _drain_stderr(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._err, _CHUNK_BYTES):
                self._stderr += data
                del self._stderr[:-STDERR_BYTES]
            self._err_open = False

    def stderr_text(self) -> str:
        """Return the last `STDERR_BYTES` of standard error."""
        with self._in_use:
            if self._err_open and not self._closed.is_set():
                self._drain_stderr()
            return text.decode(bytes(self._stderr))

    def exit_status(self) -> int | None:
        """Return the exit status, None where there is none yet, or only a signal's."""
        try:
            status = self._process.wait(_STATUS_S)
        except subprocess.TimeoutExpired:
            return None
        return None if status < 0 else status

    def _terminate(self) -> None:
        """
        Let the command clean up after itself, for a moment; then end what is left of it.

        A child that has not become another program yet loses a signal: hence several.
        """
        if self._process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            for _ in range(_TERMINATIONS):
                os.killpg(self._process.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_STATUS_S / _TERMINATIONS)
                    break
            os.killpg(self._process.pid, signal.SIGKILL)

    def _kill(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the command; safe to call twice and from another thread."""
        self._closed.set()
        with self._in_use, contextlib.suppress(BrokenPipeError):
            self._pipes[0].close()  # whoever uses it has noticed within a tick
        self._terminate()
        self._process.wait()
        with self._in_use:
            for pipe in self._pipes:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


class LocalSession:
    """The machine that preflight runs on, for as long as nobody closes the session."""

    warnings: tuple[str, ...] = ()

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._streams: list[LocalStream] = []
        self._lock = threading.Lock()
        self._closed = False

    def start(self, command: str) -> LocalStream:
        """Start *command* with /bin/sh in the environment of preflight itself."""
        with self._lock:
            if self._closed:
                raise TransportError("not-run", "interrupted", "closed before the command began")
            try:
                stream = LocalStream(command, self._deadline)
            except OSError as error:
                reason = f"cannot start /bin/sh: {error.strerror}"
                raise TransportError("error", "no-shell", reason) from None
            self._streams.append(stream)
            return stream

    def close(self) -> None:
        """Kill what still runs; safe to call twice and from another thread, ends any wait."""
        with self._lock:
            self._closed = True
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Here(Struct, frozen=True):
    """The machine itself: no way to go, and nobody to convince."""

    deadline: Deadline

    def log_in(self) -> LocalSession:
        return LocalSession(self.deadline)

    def close(self) -> None:
        """Do nothing: there is no connection."""


def reach(host: Host, options: Options, deadline: Deadline) -> Future[Contact]:
    """Return the contact with this machine, whatever *host* and *options* say of addresses."""
    del host, options
    here: Future[Contact] = Future()
    here.set_result(_Here(deadline))
    return here
