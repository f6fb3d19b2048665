"""SSH: log in with keys or a password, and only where the host's key is known."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import Future
from typing import TypeAlias

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.model.snapshot import HostKeyState
from preflight.transport import Contact, Deadline, Options
from preflight.transport.closing import Closing
from preflight.transport.credentials.keys import Keyring
from preflight.transport.pool import DaemonPool, set_out, settle
from preflight.transport.settings import Settings, settings_for
from preflight.transport.ssh import dial
from preflight.transport.ssh.gateway import Gateways, Lease
from preflight.transport.ssh.link import Link, Sock, cut, open_link
from preflight.transport.ssh.protocol import BROKEN
from preflight.transport.ssh.proxy_command import ProxyCommand
from preflight.transport.ssh.stream import SshStream

STARTS = 16  # hosts at a time whose settings and keys are looked up
WAYS = 256  # hosts on their way that take a thread, at a time
# What a connection rests on that is not one of our own to the host.
Way: TypeAlias = Lease | ProxyCommand
_FAMILIES = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}


class SshSession(Closing):
    """One authenticated SSH connection to one host, over at its deadline."""

    def __init__(self, link: Link, deadline: Deadline) -> None:
        self.link = link
        self._deadline = deadline
        self._closed = threading.Event()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines of known_hosts that could not be read, the jump host's included."""
        return self.link.warnings

    @property
    def host_key(self) -> HostKeyState | None:
        """How the host proved who it is."""
        return self.link.host_key

    def start(self, command: str) -> SshStream:
        """Start *command* with the login shell, without a terminal or a forwarded agent."""
        return SshStream(self.link.transport, command, self._deadline, self._closed)

    def close(self) -> None:
        """Close the connection; safe to call twice and from another thread, ends any wait."""
        self._closed.set()
        self.link.close()


class SshContact:
    """A connection to an SSH server that has not been spoken to."""

    def __init__(
        self, settings: Settings, sock: Sock, deadline: Deadline, way: Way | None = None
    ) -> None:
        self._settings = settings
        self._sock = sock
        self._deadline = deadline
        self._way = way

    def log_in(self) -> SshSession:
        """Verify the host, log in, and return the session, which closes the connection."""
        try:
            if self._way:
                self._way.begin_login(self._deadline)
            ring = Keyring(self._settings, self._deadline)
            link = open_link(self._settings, self._sock, ring, self._deadline, self._way)
        except TransportError as error:
            explained = self._way.explain(error) if self._way else error
            self.close()
            raise explained from None
        except BaseException:
            self.close()
            raise
        if self._way:
            self._way.end_login()
        return SshSession(link, self._deadline)

    def close(self) -> None:
        """Hang up, and give back what the connection rests on."""
        cut(self._sock)
        with contextlib.suppress(*BROKEN):
            self._sock.close()
        if self._way:
            self._way.release()


def reach(host: Host, options: Options, deadline: Deadline) -> Future[Contact]:
    """Set out for *host*, through its jump host where it has one; nothing waits here."""
    way: Future[Contact] = Future()

    def begin() -> None:
        _set_out(way, settings_for(host, options), options.gateway_logins, deadline)

    set_out(_starts, way, deadline, begin)
    return way


def _set_out(way: Future[Contact], settings: Settings, logins: int, deadline: Deadline) -> None:
    """
    Find out what takes a thread to find out, and leave the dialling to the loop's.

    What only a thread can wait for waits elsewhere: hosts behind a jump host
    in its own threads, and so for nobody else's.
    """

    def arrive() -> None:
        if not settle(way, contact := _reach(settings, logins, deadline)):
            contact.close()

    if settings.proxy_command:
        set_out(_ways, way, deadline, arrive)
    elif settings.gateway:
        set_out(_gateways.ways(settings.gateway), way, deadline, arrive)
    else:
        Keyring(settings, deadline).check()
        dialled = dial.set_out(_target(settings), deadline)
        way.add_done_callback(lambda ended: ended.cancelled() and dialled.cancel())
        dialled.add_done_callback(lambda ended: _arrive(way, ended, settings, deadline))


def _arrive(
    way: Future[Contact], dialled: Future[socket.socket], settings: Settings, deadline: Deadline
) -> None:
    if dialled.cancelled():
        return
    if error := dialled.exception():
        settle(way, error)
    elif not settle(way, contact := SshContact(settings, dialled.result(), deadline)):
        contact.close()


def _reach(settings: Settings, logins: int, deadline: Deadline) -> SshContact:
    Keyring(settings, deadline).check()
    if settings.proxy_command:
        return _reach_by_command(settings, settings.proxy_command, deadline)
    if settings.gateway is None:
        sock = dial.set_out(_target(settings), deadline).result()
        return SshContact(settings, sock, deadline)
    lease = _gateways.lease(settings.gateway, logins, deadline)
    try:
        limit_s = settings.connect_timeout_s
        channel = lease.dial(settings.address, settings.port, limit_s, deadline)
    except BaseException:
        lease.release()
        raise
    return SshContact(settings, channel, deadline, lease)


def _reach_by_command(settings: Settings, command: str, deadline: Deadline) -> SshContact:
    proxy = ProxyCommand(command)
    try:
        proxy.wait(settings.connect_timeout_s, deadline)
    except BaseException:
        proxy.release()
        raise
    return SshContact(settings, proxy.sock, deadline, proxy)


def _target(settings: Settings) -> dial.Target:
    return dial.Target(
        settings.address,
        settings.port,
        settings.connect_timeout_s,
        _FAMILIES[settings.address_family],
        settings.bind_address,
    )


def _open_gateway(settings: Settings, logins: int, deadline: Deadline) -> Link:
    contact = _reach(settings, logins, deadline)
    return contact.log_in().link


_gateways = Gateways(_open_gateway)
_starts = DaemonPool(STARTS, "preflight-start")
_ways = DaemonPool(WAYS, "preflight-way")
