"""
SSH: log in with keys only, and only where the host's key is known.

This file and those beside it are the only ones that import fabric and
paramiko.  `settings` says what is wanted, `dial` and `gateway` reach the host,
`known_hosts` says who it is, `keys` and `login` who we are, `link` holds the
connection and `stream` runs a command.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from preflight.model.host import Host
from preflight.transport import Deadline, Options
from preflight.transport.dial import dial
from preflight.transport.gateway import Gateways, Lease
from preflight.transport.keys import Keyring
from preflight.transport.link import Link, open_link
from preflight.transport.settings import Settings, settings_for
from preflight.transport.stream import SshStream


class SshSession:
    """One authenticated SSH connection to one host, over at its deadline."""

    def __init__(self, link: Link, deadline: Deadline) -> None:
        self._link = link
        self._deadline = deadline
        self._closed = threading.Event()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines of known_hosts that could not be read, the jump host's included."""
        return self._link.warnings

    def start(self, command: str) -> SshStream:
        """Start *command* with the login shell, without a terminal or a forwarded agent."""
        return SshStream(self._link.transport, command, self._deadline, self._closed)

    def close(self) -> None:
        """Close the connection; safe to call twice and from another thread, ends any wait."""
        self._closed.set()
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def connect(host: Host, options: Options, deadline: Deadline) -> SshSession:
    """Return a session with *host*, through its jump host where it has one."""
    return SshSession(_reach(settings_for(host, options), deadline), deadline)


def _reach(settings: Settings, deadline: Deadline) -> Link:
    with Keyring(settings, deadline) as ring:
        ring.check()
        if settings.gateway is None:
            sock = dial(settings.address, settings.port, settings.connect_timeout_s, deadline)
            return open_link(settings, sock, ring, deadline)
        lease = _gateways.lease(settings.gateway, deadline)
        try:
            return _reach_through(lease, settings, ring, deadline)
        except BaseException:
            lease.release()
            raise


def _reach_through(lease: Lease, settings: Settings, ring: Keyring, deadline: Deadline) -> Link:
    sock = lease.dial(settings.address, settings.port, settings.connect_timeout_s, deadline)
    return open_link(settings, sock, ring, deadline, lease)


_gateways = Gateways(_reach)
