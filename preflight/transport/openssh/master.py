"""An `ssh` that has logged in to a host and shares the connection with our commands."""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from preflight.errors import TransportError
from preflight.model.snapshot import HostKeyState
from preflight.transport import Deadline, HostKeys
from preflight.transport.hostkeys import remarks
from preflight.transport.lost import lost
from preflight.transport.openssh.complaint import explain, last, shown
from preflight.transport.openssh.den import Den
from preflight.transport.openssh.mux import Control, Refused
from preflight.transport.process import CHUNK_BYTES, STDERR_BYTES, Child, interrupted
from preflight.transport.refusal import refused_behind
from preflight.transport.sharing import Lease

# How often a master that starts is looked at: often, and then less so.
_FIRST_TICK_S, _LAST_TICK_S = 0.005, 0.05
_ANSWER_S = 5.0
# Sources: OpenSSH channels.c, channel_input_open_failure(); mux.c, mux_stdio_confirm().
_REFUSALS = re.compile(rb"^channel \d+: open failed: (.*?)\r?\n", re.MULTILINE)
# Source: OpenSSH sshconnect.c, check_host_key().
_ACCEPTED = "Warning: Permanently added "
_BEHIND = "Session open refused by peer"


class Master:
    """
    One `ssh` of ours, with a process group of its own.

    Its standard error is read when somebody wants to know why it ended: it says
    little before.  *share* is released at the end.
    """

    def __init__(
        self,
        den: Den,
        command: Callable[[Path], Sequence[str]],
        share: Lease[Master] | None = None,
    ) -> None:
        self.warnings: tuple[str, ...] = share.connection.warnings if share else ()
        self.host_key: HostKeyState = "verified"
        self.socket = den.socket()
        self._den = den
        self._share = share
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._said = bytearray()
        self._stderr, theirs = os.pipe()
        os.set_blocking(self._stderr, False)
        try:
            nowhere = subprocess.DEVNULL
            self._child = Child(command(self.socket), (nowhere, nowhere, theirs))
        except BaseException:
            os.close(self._stderr)
            raise
        finally:
            os.close(theirs)
        den.enter(self._child.pid)

    def wait(self, deadline: Deadline, is_wanted: Callable[[], bool]) -> None:
        """
        Return when the host has let us in.

        Raises `TransportError` where it did not, or nobody wants it any more.
        """
        poll = select.poll()
        poll.register(self._stderr, select.POLLIN)
        tick_s = _FIRST_TICK_S
        while not self.socket.exists():
            if self._closed.is_set() or not is_wanted():
                raise interrupted()
            if not deadline.left_s():
                raise lost("while logging in", deadline)
            if self._child.wait(0) is not None:
                raise self._refusal(deadline)
            # A closed pipe is always ready: an ssh in the background would be waited for in a spin.
            if poll.poll(1000 * tick_s) and not self._read():
                self._closed.wait(tick_s)
            tick_s = min(2 * tick_s, _LAST_TICK_S)

    def note_host_key(self, checking: HostKeys) -> None:
        """Remember, and have it said, under *checking* and by what ssh said, who the host is."""
        if checking == "off":
            self.host_key = "not-verified"
            self._warn(remarks.UNVERIFIED)
        elif _ACCEPTED in self.says():
            self.host_key = "accepted-new"
            self._warn(remarks.recorded("ssh"))

    def _warn(self, warning: str) -> None:
        self.warnings += (warning,)

    def _refusal(self, deadline: Deadline) -> TransportError:
        says = self.says()
        if self._share and _BEHIND in says:
            return self._share.connection.refused_behind()
        if self._share and not self._share.connection.is_alive():
            return lost("before the host was reached: the jump host is gone", deadline)
        return explain(says, deadline)

    def refused_behind(self) -> TransportError:
        """
        Return why a host behind this one was not reached.

        ssh says it here, a line for each such host, but not for which.
        """
        self.says()
        with self._lock:
            lines = [*_REFUSALS.finditer(self._said)]
            reasons = sorted({line[1].decode("utf-8", "backslashreplace") for line in lines})
            if lines:
                del self._said[lines[0].start() : lines[0].end()]
        reason = f"the jump host cannot connect: {shown('; or '.join(reasons))}"
        return refused_behind(reasons[0] if len(reasons) == 1 else "", reason)

    def control(self, deadline: Deadline) -> Control:
        """Return a connection for one command; raises `TransportError` where the host is lost."""
        try:
            return Control(str(self.socket), min(_ANSWER_S, deadline.left_s()))
        except Refused as error:
            raise TransportError("error", "protocol", str(error)) from None
        except OSError:
            raise self.failure("before a command began", deadline) from None

    def is_alive(self) -> bool:
        """Say whether the connection to the host stands."""
        try:
            Control(str(self.socket), _ANSWER_S).close()
        except (OSError, Refused):
            return False
        return not self._closed.is_set()

    def failure(self, phase: str, deadline: Deadline) -> TransportError:
        """Return why the connection is gone; *phase* is "while a command ran" or the like."""
        if self._closed.is_set():
            return interrupted()
        if not deadline.left_s():
            return lost(phase, deadline)
        self._child.wait(_LAST_TICK_S)  # its last words
        reason = f"the connection ended {phase}: {shown(last(self.says()))}"
        return TransportError("unreachable", "connection-lost", reason)

    def says(self) -> str:
        """Return the last that ssh said, as it came."""
        while self._read():
            pass
        with self._lock:
            return self._said.decode("utf-8", "backslashreplace").strip()

    def _read(self) -> bool:
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._stderr < 0:
                return False
            data = os.read(self._stderr, CHUNK_BYTES)
            self._said += data
            del self._said[:-STDERR_BYTES]
            return bool(data)
        return False

    def kill(self) -> None:
        """End the connection at once."""
        self._child.kill()

    def close(self) -> None:
        """End the connection; safe to call twice and from another thread."""
        self._closed.set()
        self._child.end()
        self._den.exit(self._child.pid)
        self.socket.unlink(missing_ok=True)
        with self._lock:
            if self._stderr >= 0:
                os.close(self._stderr)
            self._stderr = -1
        if self._share:
            self._share.release()
