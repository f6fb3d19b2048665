"""
Children of ours: each in a process group of its own, with pipes that never block.

`Child` ends a whole group, `PipedStream` talks through three pipes to a command
that somebody else runs: the local shell, or an `ssh`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from preflight.errors import TransportError
from preflight.model import text
from preflight.transport import Deadline
from preflight.transport.lost import lost

STDERR_BYTES = 4096
CHUNK_BYTES = 64 * 1024
PHASE = "while a command ran"
# How soon a wait notices that another thread closed the stream, and how long
# an exit status may come after the end of the output.
TICK_S = 0.1
STATUS_S = 1.0
_TERMINATIONS = 5
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
_WRITABLE = select.POLLOUT | select.POLLHUP | select.POLLERR
# Standard input, output and error.
Pipes: TypeAlias = tuple[int, int, int]


class Child:
    """
    A process that leads a session and a process group.

    Without a terminal it cannot ask for anything.
    """

    def __init__(self, arguments: Sequence[str], pipes: Pipes) -> None:
        stdin, stdout, stderr = pipes
        self._process = subprocess.Popen(  # noqa: S603 - the caller's command is the purpose
            arguments, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
        )
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """The number of the process, and of its group."""
        return self._process.pid

    def wait(self, seconds: float) -> int | None:
        """Return the exit status, negative for a signal; None where there is none in time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def kill(self) -> None:
        """Kill the group."""
        with self._lock:
            if self._process.returncode is None:
                self._signal(signal.SIGKILL)

    def end(self) -> None:
        """
        Let the group clean up after itself, for a moment; kill what is left of it, and reap.

        A process that has not become another program yet loses a signal: hence several.
        """
        with self._lock:
            if self._process.returncode is not None:
                return
            for _ in range(_TERMINATIONS):
                self._signal(signal.SIGTERM)
                if self.wait(STATUS_S / _TERMINATIONS) is not None:
                    break
            # The number of a group that has members left is nobody else's.
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


class Drain:
    """What a child says on standard error: read at once by a thread, and the end of it kept."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._run, name="preflight-drain", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while data := os.read(self._pipe, CHUNK_BYTES):
            self._kept += data
            del self._kept[:-STDERR_BYTES]
        os.close(self._pipe)

    def text(self, seconds: float) -> str:
        """Return the last `STDERR_BYTES`; waits for the end of it, but not for long."""
        self._thread.join(seconds)
        return text.decode(bytes(self._kept))


class PipedStream:
    """
    One command, by our ends of its pipes.

    One thread may send while another reads.  Whoever runs the command says in a
    subclass how it ends.
    """

    def __init__(self, pipes: Pipes, deadline: Deadline) -> None:
        self._deadline = deadline
        self._closed = threading.Event()
        self._sending, self._reading, self._draining = (threading.Lock() for _ in pipes)
        self._stderr = bytearray()
        self._open = set(pipes)
        self._in, self._out, self._err = pipes
        for number in pipes:
            os.set_blocking(number, False)
        self._err_poll = _polling((self._err, _READABLE))
        self._in_poll = _polling((self._in, _WRITABLE), (self._err, _READABLE))
        self._out_poll = _polling((self._out, _READABLE), (self._err, _READABLE))
        self._err_ended = False

    def send(self, data: bytes) -> None:
        """Write all of *data*; standard error is drained, standard output the caller's to read."""
        rest = memoryview(data)
        with self._sending:
            while rest:
                self._wait(self._in_poll, self._in)
                try:
                    rest = rest[os.write(self._in, rest[:CHUNK_BYTES]) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    raise self._cut_short() from None

    def read(self, limit: int) -> bytes:
        """Return between 1 and *limit* bytes of standard output, b"" at its end."""
        with self._reading:
            while True:
                self._wait(self._out_poll, self._out)
                try:
                    data = os.read(self._out, limit)
                except BlockingIOError:
                    continue
                if not data and self._closed.is_set():
                    continue  # an end that we made is none
                if not data:
                    self._check_end()
                return data

    def _wait(self, poll: select.poll, number: int) -> None:
        """Wait until pipe *number* is ready, and drain standard error meanwhile."""
        while True:
            if self._closed.is_set():
                raise interrupted()
            left_s = self._deadline.left_s()
            if not left_s:
                self._give_up()
                raise lost(PHASE, self._deadline)
            ready = [pipe for pipe, _ in poll.poll(1000 * min(TICK_S, left_s))]
            if self._err in ready:
                self._take_stderr()
            if number in ready:
                return

    def _take_stderr(self) -> None:
        with self._draining, contextlib.suppress(BlockingIOError):
            if self._err_ended:
                return
            data = os.read(self._err, CHUNK_BYTES)
            self._stderr += data
            del self._stderr[:-STDERR_BYTES]
            if not data:
                self._err_ended = True
                for poll in (self._err_poll, self._in_poll, self._out_poll):
                    poll.unregister(self._err)

    def stderr_text(self) -> str:
        """Return the last `STDERR_BYTES` of standard error."""
        with self._reading:
            self._drain_stderr()
            return text.decode(bytes(self._stderr))

    def _drain_stderr(self) -> None:
        while not self._closed.is_set() and self._err_poll.poll(0):
            self._take_stderr()

    def _give_up(self) -> None:
        """End the command: its time is over."""

    def _cut_short(self) -> TransportError:
        """Return why nobody takes the input any more."""
        return TransportError("error", "protocol", "the command ended before its input")

    def _check_end(self) -> None:
        """Raise where the end of standard output is not one that the command made."""

    def _close_pipes(self, *pipes: int) -> None:
        """Close *pipes*, each once; who uses them has noticed `_closed` within a tick."""
        with self._sending, self._reading:
            for number in self._open.intersection(pipes):
                os.close(number)
            self._open.difference_update(pipes)


class ProcessStream(PipedStream):
    """A command that is a child of ours; it and its children are killed at the end."""

    def __init__(self, arguments: Sequence[str], deadline: Deadline) -> None:
        with piping() as (ours, theirs):
            self._child = Child(arguments, theirs)
        super().__init__(ours, deadline)

    def exit_status(self) -> int | None:
        """Return the exit status, None where there is none yet, or only a signal's."""
        status = self._child.wait(STATUS_S)
        return None if status is None or status < 0 else status

    def close(self) -> None:
        """End the command; safe to call twice and from another thread."""
        self._closed.set()
        self._close_pipes(self._in)
        self._child.end()
        self._close_pipes(self._out, self._err)

    def _give_up(self) -> None:
        self._child.kill()


@contextlib.contextmanager
def piping() -> Iterator[tuple[Pipes, Pipes]]:
    """
    Yield our ends and the command's ends of its standard input, output and error.

    The block hands the command its own, which are then closed here; ours stay
    open, unless the block fails.
    """
    ours, theirs = _open_pipes()
    try:
        yield ours, theirs
    except BaseException:
        _close_all(ours)
        raise
    finally:
        _close_all(theirs)


def _open_pipes() -> tuple[Pipes, Pipes]:
    made: list[int] = []
    try:
        for _ in range(3):
            made.extend(os.pipe())
    except OSError:
        _close_all(made)
        raise
    in_read, in_write, out_read, out_write, err_read, err_write = made
    return (in_write, out_read, err_read), (in_read, out_write, err_write)


def _close_all(numbers: Iterable[int]) -> None:
    for number in numbers:
        os.close(number)


def interrupted() -> TransportError:
    """Return the failure of what another thread closed."""
    return TransportError("not-run", "interrupted", "closed before the command was done")


def _polling(*pipes: tuple[int, int]) -> select.poll:
    poll = select.poll()
    for number, events in pipes:
        poll.register(number, events)
    return poll
