"""A child process and the socket to it, as the parent holds them; nothing here waits for it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import suppress

from preflight.api.wire import Dispatcher
from preflight.model.host import Host

_CHUNK = 1 << 18
# A fresh interpreter that does not run the caller's __main__ again, as multiprocessing
# would, and that looks for modules where this one does: never first where it stands.
_CODE = "import sys; sys.path[:] = {path!r}; from preflight.api.child import main; main({fd})"


class Offspring:
    """One child; *asked* are the hosts that it has and has not answered for."""

    def __init__(self, greeting: bytes) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _spawn(theirs.fileno())
            except OSError:
                ours.close()
                raise
        ours.setblocking(False)
        self._socket = ours
        self._to_send = bytearray(greeting)
        self._received = bytearray()
        self.dispatcher = Dispatcher()
        self.ready = False
        self.reason: str | None = None  # why it ends, where it could still say so
        self.asked: dict[str, Host] = {}

    def fileno(self) -> int:
        """Return the descriptor of the socket, for selectors."""
        return self._socket.fileno()

    @property
    def waits_to_send(self) -> bool:
        """Whether `flush` has something to do."""
        return bool(self._to_send)

    def send(self, data: bytes) -> None:
        """Have `flush` send *data*."""
        self._to_send += data

    def flush(self) -> None:
        """Send what the socket takes now."""
        # Where the child is gone, `receive` tells.
        with suppress(BlockingIOError, ConnectionError):
            while self._to_send:
                del self._to_send[: self._socket.send(self._to_send[:_CHUNK])]

    def receive(self) -> list[bytes] | None:
        """Return the lines that have come, without their ends; None when the child is gone."""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return []
        except ConnectionError:
            return None
        if not data:
            return None
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = bytes(self._received) + lines[0]
            self._received.clear()
        self._received += rest
        return lines

    def hang_up(self) -> None:
        """Have the child end by itself."""
        self._socket.close()

    def end(self, patience_s: float) -> str:
        """Return how the child ended, within *patience_s* or by force."""
        self._socket.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        self._process.kill()
        return self.reason or _ending(self._process.wait())


def _spawn(descriptor: int) -> subprocess.Popen[bytes]:
    signals = {signal.SIGINT, signal.SIGHUP}
    # Blocked until it ignores them: Ctrl-C must not end a child that is just starting.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        return subprocess.Popen(  # noqa: S603 - this very interpreter
            [
                sys.executable,
                "-I" if sys.flags.isolated else "-P",
                "-c",
                _CODE.format(path=sys.path, fd=descriptor),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(descriptor,),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending(status: int) -> str:
    if status >= 0:
        return f"it ended with exit status {status}"
    return f"it was ended by {signal.Signals(-status).name}"
