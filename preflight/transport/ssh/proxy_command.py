"""
A host behind a program: ssh_config(5)'s ProxyCommand, over a pair of sockets.

paramiko's own spins where the program ended, leaves a zombie, fails above file
descriptor 1023, and lets a program that says much on standard error stand
still.  As ssh does, a shell runs the command: /bin/sh here, the user's there.
"""

from __future__ import annotations

import os
import select
import socket

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.lost import timed_out
from preflight.transport.process import Child, Drain

_LAST_WORDS_S = 0.5
_SHOWN_CHARS = 300


class ProxyCommand:
    """The program that connects us; *sock* speaks to it, *release* ends it."""

    warnings: tuple[str, ...] = ()

    def __init__(self, command: str) -> None:
        self.sock, theirs = socket.socketpair()
        stderr, their_stderr = os.pipe()
        try:
            pipes = (theirs.fileno(), theirs.fileno(), their_stderr)
            self._child = Child(["/bin/sh", "-c", f"exec {command}"], pipes)
        except OSError as error:
            self.sock.close()
            os.close(stderr)
            reason = f"cannot start /bin/sh for the proxy command: {error.strerror}"
            raise TransportError("error", "internal", reason) from None
        finally:
            theirs.close()
            os.close(their_stderr)
        self._drain = Drain(stderr)

    def wait(self, timeout_s: float, deadline: Deadline) -> None:
        """Return when the host's first word is there to be read, for at most *timeout_s*."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        if not poll.poll(1000 * min(timeout_s, deadline.left_s())):
            reason = f"nothing came through the proxy command in {timeout_s:g} s{self._says(0.0)}"
            raise timed_out("connect-timeout", reason, deadline)
        if not self.sock.recv(1, socket.MSG_PEEK):
            raise self._ended()

    def begin_login(self, deadline: Deadline) -> None:
        """Do nothing: there is no host before this one."""

    def end_login(self) -> None:
        """Do nothing: nobody waits for this host."""

    def explain(self, error: TransportError) -> TransportError:
        """Return why a log-in failed with *error*: the program is the cause where it ended."""
        if error.cause == "connection-lost" and self._child.wait(_LAST_WORDS_S) is not None:
            return self._ended()
        return error

    def _ended(self) -> TransportError:
        status = self._child.wait(_LAST_WORDS_S)
        how = "hung up" if status is None else f"ended with status {status}"
        reason = f"the proxy command {how}{self._says(_LAST_WORDS_S)}"
        return TransportError("unreachable", "proxy-command-failed", reason)

    def _says(self, within_s: float) -> str:
        lines = self._drain.text(within_s).strip().splitlines()
        return f": it said {lines[-1][:_SHOWN_CHARS]!r}" if lines else ""

    def release(self) -> None:
        """End the program and what it started; safe to call twice."""
        self.sock.close()
        self._child.end()
