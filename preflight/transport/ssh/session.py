"""SSH: log in with keys only, and only where the host's key is known."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from preflight.model.host import Host
from preflight.transport import Contact, Deadline, Options
from preflight.transport.credentials.keys import Keyring
from preflight.transport.settings import Settings, settings_for
from preflight.transport.ssh.dial import dial
from preflight.transport.ssh.gateway import Gateways, Lease
from preflight.transport.ssh.link import Link, Sock, cut, open_link
from preflight.transport.ssh.protocol import BROKEN
from preflight.transport.ssh.stream import SshStream

WAYS = 256  # hosts on their way at a time


class SshSession:
    """One authenticated SSH connection to one host, over at its deadline."""

    def __init__(self, link: Link, deadline: Deadline) -> None:
        self.link = link
        self._deadline = deadline
        self._closed = threading.Event()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines of known_hosts that could not be read, the jump host's included."""
        return self.link.warnings

    def start(self, command: str) -> SshStream:
        """Start *command* with the login shell, without a terminal or a forwarded agent."""
        return SshStream(self.link.transport, command, self._deadline, self._closed)

    def close(self) -> None:
        """Close the connection; safe to call twice and from another thread, ends any wait."""
        self._closed.set()
        self.link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class SshContact:
    """A connection to an SSH server that has not been spoken to."""

    def __init__(
        self, settings: Settings, sock: Sock, deadline: Deadline, lease: Lease | None = None
    ) -> None:
        self._settings = settings
        self._sock = sock
        self._deadline = deadline
        self._lease = lease

    def log_in(self) -> SshSession:
        """Verify the host, log in, and return the session, which closes the connection."""
        try:
            with Keyring(self._settings, self._deadline) as ring:
                link = open_link(self._settings, self._sock, ring, self._deadline, self._lease)
        except BaseException:
            self.close()
            raise
        return SshSession(link, self._deadline)

    def close(self) -> None:
        """Hang up, and give the share of the jump host back."""
        cut(self._sock)
        with contextlib.suppress(*BROKEN):
            self._sock.close()
        if self._lease:
            self._lease.release()


def reach(host: Host, options: Options, deadline: Deadline) -> Future[Contact]:
    """Set out for *host*, through its jump host where it has one."""
    return _ways.submit(_reach, settings_for(host, options), deadline)


def _reach(settings: Settings, deadline: Deadline) -> SshContact:
    with Keyring(settings, deadline) as ring:
        ring.check()
    if settings.gateway is None:
        sock = dial(settings.address, settings.port, settings.connect_timeout_s, deadline)
        return SshContact(settings, sock, deadline)
    lease = _gateways.lease(settings.gateway, deadline)
    try:
        limit_s = settings.connect_timeout_s
        channel = lease.dial(settings.address, settings.port, limit_s, deadline)
    except BaseException:
        lease.release()
        raise
    return SshContact(settings, channel, deadline, lease)


def _open_gateway(settings: Settings, deadline: Deadline) -> Link:
    contact = _reach(settings, deadline)
    return contact.log_in().link


_gateways = Gateways(_open_gateway)
_ways = ThreadPoolExecutor(WAYS, thread_name_prefix="preflight-way")
