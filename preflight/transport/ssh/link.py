"""
One verified and authenticated SSH connection, by paramiko's transport.

Neither fabric's Connection nor paramiko's SSHClient stands between: the one
takes any host key and half a millisecond for each host, and what the other
makes of known keys is wrong (see `hostkeys.index`).
"""

from __future__ import annotations

import contextlib
import socket
from functools import partial
from typing import Protocol, TypeAlias

import paramiko

from preflight.errors import TransportError
from preflight.model import text
from preflight.transport import Deadline
from preflight.transport.credentials.keys import Keyring
from preflight.transport.hostkeys.identity import Identity
from preflight.transport.lost import lost
from preflight.transport.settings import Settings
from preflight.transport.ssh.login import Login
from preflight.transport.ssh.protocol import BROKEN, Transport
from preflight.transport.watchdog import Watch, watch

Sock: TypeAlias = socket.socket | paramiko.Channel


class Share(Protocol):
    """What a connection rests on: a part of the one to its jump host."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the operator should mend about the jump host."""

    def release(self) -> None:
        """Give the part back; safe to call twice."""


class Link:
    """An open connection: *transport* takes channels, until `close`."""

    def __init__(
        self,
        transport: Transport,
        sock: Sock,
        cutoff: Watch,
        identity: Identity,
        share: Share | None,
    ) -> None:
        self.transport = transport
        self._sock = sock
        self._cutoff = cutoff
        self.warnings = (*identity.warnings, *(share.warnings if share else ()))
        self.host_key = identity.state
        self._share = share

    def outlive(self) -> None:
        """Go on after the deadline under which the connection was made."""
        self._cutoff.cancel()

    def is_alive(self) -> bool:
        """Say whether the connection takes channels."""
        return self.transport.is_active()

    def close(self) -> None:
        """End the connection and all its channels; safe to call twice and from any thread."""
        self._cutoff.cancel()
        _close(self.transport, self._sock)
        if self._share:
            self._share.release()


def cut(sock: Sock) -> None:
    """End a connection: whoever waits for it, in any thread, gets to know at once."""
    with contextlib.suppress(*BROKEN):
        if isinstance(sock, socket.socket):
            sock.shutdown(socket.SHUT_RDWR)
        else:
            sock.close()


def _close(transport: Transport, sock: Sock) -> None:
    cut(sock)
    with contextlib.suppress(*BROKEN):
        transport.close()
    with contextlib.suppress(*BROKEN):
        sock.close()


def open_link(
    settings: Settings, sock: Sock, ring: Keyring, deadline: Deadline, share: Share | None = None
) -> Link:
    """
    Return a link over *sock*, which is over at *deadline*.

    *sock* is closed if that fails; otherwise the end of the link closes it
    and releases *share*.
    """
    identity = Identity(settings, deadline)
    transport = Transport(sock, settings, identity, deadline)
    # Shutting the socket down is the only cancel that reaches every wait of paramiko's.
    cutoff = watch(deadline, partial(cut, sock))
    try:
        _handshake(transport, settings, identity)
        Login(settings, ring, deadline).authenticate(transport)
    except BaseException as error:
        failure = _explain(error, transport, deadline)
        cutoff.cancel()
        _close(transport, sock)
        if failure is None:
            raise
        raise failure from None
    return Link(transport, sock, cutoff, identity, share)


def _handshake(transport: Transport, settings: Settings, identity: Identity) -> None:
    """Return once both sides have agreed on keys, and the host has proved who it is."""
    # Of the greeting, which has its own limit, and the key exchange together.
    limit_s = 2 * settings.connect_timeout_s
    transport.start_client(timeout=limit_s)
    if not transport.initial_kex_done:  # paramiko returns as well when the time is over
        reason = f"the host did not finish the key exchange in {limit_s:g} s"
        raise TransportError("timeout", "connect-timeout", reason)
    if identity.state is None:
        raise TransportError("host-key", "internal", "the host's key was not verified")


def _explain(
    error: BaseException, transport: Transport, deadline: Deadline
) -> TransportError | None:
    """Return what happened, in the report's words; None for what is not the host's doing."""
    if isinstance(error, TransportError):
        return error
    if not isinstance(error, Exception):
        return None
    phase = "during the key exchange"
    if not deadline.left_s() or isinstance(error, EOFError | OSError) or transport.farewell:
        return lost(phase, deadline, transport.farewell)
    reason = text.printable(f"{phase}: {type(error).__name__}: {error}")
    return TransportError("error", "protocol", reason)
