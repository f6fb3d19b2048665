"""SSH: log in with keys only, and only where the host's key is known."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from preflight.model.host import Host
from preflight.transport import Contact, Deadline, Options
from preflight.transport.credentials.keys import Keyring, read_key_file
from preflight.transport.pool import DaemonPool, settle
from preflight.transport.settings import Settings, settings_for
from preflight.transport.ssh import dial
from preflight.transport.ssh.gateway import Gateways, Lease
from preflight.transport.ssh.link import Link, Sock, cut, open_link
from preflight.transport.ssh.protocol import BROKEN
from preflight.transport.ssh.stream import SshStream

WAYS = 256  # hosts on their way that take a thread, at a time
_FAMILIES = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}


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
    """Set out for *host*, through its jump host where it has one; nothing waits here."""
    way: Future[Contact] = Future()
    asked_s = time.monotonic()

    def begin() -> None:
        deadline.postpone(time.monotonic() - asked_s)
        try:
            _set_out(way, settings_for(host, options), deadline)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            settle(way, error)

    _ways.run(begin)
    return way


def _set_out(way: Future[Contact], settings: Settings, deadline: Deadline) -> None:
    """Find out what takes a thread to find out, and leave the dialling to the loop's."""
    if settings.gateway is None:
        _check_keys(settings, deadline)
        dialled = dial.set_out(_target(settings), deadline)
        way.add_done_callback(lambda ended: ended.cancelled() and dialled.cancel())
        dialled.add_done_callback(lambda ended: _arrive(way, ended, settings, deadline))
    elif not settle(way, contact := _reach(settings, deadline)):
        contact.close()


def _arrive(
    way: Future[Contact], dialled: Future[socket.socket], settings: Settings, deadline: Deadline
) -> None:
    if dialled.cancelled():
        return
    if error := dialled.exception():
        settle(way, error)
    elif not settle(way, contact := SshContact(settings, dialled.result(), deadline)):
        contact.close()


def _reach(settings: Settings, deadline: Deadline) -> SshContact:
    _check_keys(settings, deadline)
    if settings.gateway is None:
        sock = dial.set_out(_target(settings), deadline).result()
        return SshContact(settings, sock, deadline)
    lease = _gateways.lease(settings.gateway, deadline)
    try:
        limit_s = settings.connect_timeout_s
        channel = lease.dial(settings.address, settings.port, limit_s, deadline)
    except BaseException:
        lease.release()
        raise
    return SshContact(settings, channel, deadline, lease)


def _check_keys(settings: Settings, deadline: Deadline) -> None:
    """Raise `TransportError` where there will be no key to log in with: no server is bothered."""
    if settings.identity_file and read_key_file(settings.identity_file).problem:
        with Keyring(settings, deadline) as ring:
            ring.check()


def _target(settings: Settings) -> dial.Target:
    return dial.Target(
        settings.address,
        settings.port,
        settings.connect_timeout_s,
        _FAMILIES[settings.address_family],
        settings.bind_address,
    )


def _open_gateway(settings: Settings, deadline: Deadline) -> Link:
    contact = _reach(settings, deadline)
    return contact.log_in().link


_gateways = Gateways(_open_gateway)
_ways = DaemonPool(WAYS, "preflight-way")
