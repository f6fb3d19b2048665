"""
Hosts behind a jump host, over the connections that they share.

The jump host looks names up and connects; its server sees one log-in for many
hosts.  What it opens for us counts at the servers behind as coming from it, and
those may be one: hence a limit of log-ins that are in flight through it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import paramiko

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.lost import lost, timed_out
from preflight.transport.refusal import refused_behind
from preflight.transport.settings import Settings
from preflight.transport.sharing import Lease as SharedLease
from preflight.transport.sharing import Sharing, Turn, Turns, through
from preflight.transport.ssh.link import Link
from preflight.transport.ssh.protocol import BROKEN

# Connects to a jump host: its settings, the log-ins in flight through the one
# before it, and the deadline of the host that asks.
Opener: TypeAlias = Callable[[Settings, int, Deadline], Link]


class Gateways:
    """The jump hosts in use; *opener* connects to one."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._sharing: Sharing[Settings, Link] = Sharing()
        self.ways = self._sharing.ways

    def lease(self, settings: Settings, logins: int, deadline: Deadline) -> Lease:
        """
        Return a share of a connection to a jump host, opened if need be.

        Through the jump host *logins* hosts are logged in to at a time.
        """

        def connect() -> Link:
            link = self._opener(settings, logins, deadline)
            link.outlive()
            return link

        share = self._sharing.lease(settings, deadline, connect)
        return Lease(settings, share, self._sharing.turns(settings), logins)


class Lease:
    """One host's share of a connection to its jump host; *release* gives it back."""

    def __init__(
        self, settings: Settings, share: SharedLease[Link], turns: Turns, logins: int
    ) -> None:
        self.warnings = share.connection.warnings
        self._settings = settings
        self._share = share
        self._transport = share.connection.transport
        self._turns = turns
        self._logins = logins
        self._turn: Turn | None = None

    def release(self) -> None:
        """Give the share back, once; the connection ends some time after the last share."""
        self.end_login()
        self._share.release()

    def begin_login(self, deadline: Deadline) -> None:
        """Wait for the host's turn, where others have come before."""
        if self._turn:
            self._turn.begin(deadline)

    def end_login(self) -> None:
        """Let the next host be logged in to."""
        if self._turn:
            self._turn.end()

    def explain(self, error: TransportError) -> TransportError:
        """Return why a log-in failed with *error*: the jump host is the cause where it is gone."""
        if error.cause == "connection-lost" and not self._transport.is_active():
            return through(self._settings, error)
        return error

    def dial(
        self, address: str, port: int, timeout_s: float, deadline: Deadline
    ) -> paramiko.Channel:
        """
        Return a connection from the jump host to *address*, a name that it looks up itself.

        Waits for the host's turn, which lasts until `end_login`.
        """
        self._turn = self._turns.take(self._logins, deadline)
        channel = self._open(address, port, timeout_s, deadline)
        try:
            self._turn.answered(deadline)
        except TransportError:
            channel.close()
            raise
        return channel

    def _open(
        self, address: str, port: int, timeout_s: float, deadline: Deadline
    ) -> paramiko.Channel:
        limit_s = min(timeout_s, deadline.left_s())
        try:
            return self._transport.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=limit_s
            )
        except paramiko.ChannelException as error:
            reason = f"the jump host {self._settings.name} cannot connect: {error.text!r}"
            raise refused_behind(error.text, reason) from None
        except BROKEN:
            if not self._transport.is_active():
                failure = lost("before the host was reached", deadline, self._transport.farewell)
                raise through(self._settings, failure) from None
        reason = f"no answer through the jump host {self._settings.name} in {timeout_s:g} s"
        raise timed_out("connect-timeout", reason, deadline)
