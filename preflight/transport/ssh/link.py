"""
One verified and authenticated SSH connection, through fabric's Connection and paramiko.

fabric never looks at known_hosts and paramiko's look is wrong (see
`hostkeys.index`), so the client that fabric drives is one with no recorded keys
and a policy that is ours, and the socket is ours too.
"""

from __future__ import annotations

import contextlib
import socket
from functools import partial
from typing import Any, Protocol, TypeAlias

import fabric
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
        connection: fabric.Connection,
        sock: Sock,
        cutoff: Watch,
        identity: Identity,
        share: Share | None,
    ) -> None:
        self.transport: Transport = connection.transport
        self._sock = sock
        self._cutoff = cutoff
        self.warnings = (*identity.warnings, *(share.warnings if share else ()))
        self.host_key = identity.state
        self._connection = connection
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
        _close(self._connection.client, self._sock)
        if self._share:
            self._share.release()


def cut(sock: Sock) -> None:
    """End a connection: whoever waits for it, in any thread, gets to know at once."""
    with contextlib.suppress(*BROKEN):
        if isinstance(sock, socket.socket):
            sock.shutdown(socket.SHUT_RDWR)
        else:
            sock.close()


def _close(client: paramiko.SSHClient, sock: Sock) -> None:
    cut(sock)
    with contextlib.suppress(*BROKEN):
        client.close()
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
    connection = _prepare(settings, sock, identity, ring, deadline)
    # Shutting the socket down is the only cancel that reaches every wait of paramiko's.
    cutoff = watch(deadline, partial(cut, sock))
    try:
        connection.open()
    except BaseException as error:
        failure = _explain(error, connection.client.get_transport(), settings, deadline)
        cutoff.cancel()
        _close(connection.client, sock)
        if failure is None:
            raise
        raise failure from None
    return Link(connection, sock, cutoff, identity, share)


def _prepare(
    settings: Settings, sock: Sock, identity: Identity, ring: Keyring, deadline: Deadline
) -> fabric.Connection:
    def transport(sock: Sock, **_: Any) -> Transport:
        return Transport(sock, identity, settings.connect_timeout_s, deadline)

    connection = _Connection(
        host=settings.address,
        user=settings.user,
        port=settings.port,
        # Reads no file, of fabric's or of ssh's; threads cannot share one.
        config=fabric.Config(lazy=True, ssh_config=paramiko.SSHConfig()),
        gateway=False,
        forward_agent=False,
        connect_kwargs={
            "sock": sock,
            "transport_factory": transport,
            "auth_strategy": Login(settings, ring, deadline),
            "auth_timeout": deadline.left_s(),
            # Of the greeting, which has its own limit, and the key exchange together.
            "timeout": _handshake_s(settings),
        },
    )
    connection.client = paramiko.SSHClient()
    connection.client.set_missing_host_key_policy(_Proved(identity))
    return connection


def _handshake_s(settings: Settings) -> float:
    return 2 * settings.connect_timeout_s


class _Connection(fabric.Connection):  # type: ignore[misc]
    def derive_shorthand(self, host_string: str) -> dict[str, str | None]:
        """Take an address for an address, whatever stands in it."""
        return {"user": None, "host": host_string, "port": None}


class _Proved(paramiko.MissingHostKeyPolicy):
    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        """Let nobody log in to a host whose key the key exchange did not verify."""
        del client, hostname, key
        if self._identity.state is None:
            raise TransportError("host-key", "internal", "the host's key was not verified")


def _explain(
    error: BaseException, transport: Transport | None, settings: Settings, deadline: Deadline
) -> TransportError | None:
    """Return what happened, in the report's words; None for what is not the host's doing."""
    if isinstance(error, TransportError):
        return error
    if not isinstance(error, Exception) or transport is None:
        return None
    phase = "during the key exchange"
    if not deadline.left_s() or isinstance(error, EOFError | OSError) or transport.farewell:
        return lost(phase, deadline, transport.farewell)
    if transport.is_active():
        reason = f"the host did not finish the key exchange in {_handshake_s(settings):g} s"
        return TransportError("timeout", "connect-timeout", reason)
    reason = text.printable(f"{phase}: {type(error).__name__}: {error}")
    return TransportError("error", "protocol", reason)
