"""SSH by the system's own `ssh`: one log-in a host, and as many commands as it takes."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from msgspec import Struct, structs

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.model.snapshot import HostKeyState
from preflight.transport import Contact, Deadline, Options
from preflight.transport.closing import Closing
from preflight.transport.credentials.guard import Credential, guard_of
from preflight.transport.openssh.command import arguments, configuration, forwarding
from preflight.transport.openssh.den import den
from preflight.transport.openssh.master import Master
from preflight.transport.openssh.stream import OpenSshStream
from preflight.transport.pool import DaemonPool, set_out, settle
from preflight.transport.process import interrupted
from preflight.transport.sharing import Lease, Sharing

WAYS = 128  # log-ins in flight, each a process
_HOP = re.compile(r"(?:(?P<user>.+)@)?(?:\[(?P<number>.+)\]|(?P<name>[^:]+))(?::(?P<port>\d+))?")


class Gateway(Struct, frozen=True):
    """A jump host, and how it is reached: equal ones share a connection."""

    host: Host
    options: Options

    @property
    def name(self) -> str:
        """What it is called."""
        return self.host.name


class OpenSshSession(Closing):
    """One authenticated connection to one host, which an `ssh` holds."""

    def __init__(self, master: Master, deadline: Deadline) -> None:
        self.warnings = master.warnings
        self.host_key: HostKeyState | None = master.host_key
        self._master = master
        self._deadline = deadline
        self._lock = threading.Lock()
        self._streams: list[OpenSshStream] = []
        self._closed = False

    def start(self, command: str) -> OpenSshStream:
        """Start *command* with the login shell, without a terminal or a forwarded agent."""
        stream = OpenSshStream(self._master, command, self._deadline)
        with self._lock:
            if not self._closed:
                self._streams.append(stream)
                return stream
        stream.close()
        raise interrupted()

    def close(self) -> None:
        """Close the connection; safe to call twice and from another thread, ends any wait."""
        with self._lock:
            self._closed = True
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.close()
        self._master.close()


class OpenSshContact:
    """
    A host that has let us in already: ssh does not stop between reaching a host and logging in.

    So a dead host holds no worker.
    """

    def __init__(self, master: Master, deadline: Deadline) -> None:
        self._master = master
        self._deadline = deadline

    def log_in(self) -> OpenSshSession:
        """Return the session, which ends the connection."""
        return OpenSshSession(self._master, self._deadline)

    def close(self) -> None:
        """Hang up."""
        self._master.close()


def reach(host: Host, options: Options, deadline: Deadline) -> Future[Contact]:
    """Set out for *host*, through its jump host where it has one; nothing waits here."""
    way: Future[Contact] = Future()
    gateway = gateway_of(host, options)

    def begin() -> None:
        master = _log_in(host, gateway, options, deadline, lambda: not way.cancelled())
        contact = OpenSshContact(master, deadline)
        if not settle(way, contact):
            contact.close()

    set_out(_gateways.ways(gateway) if gateway else _ways, way, deadline, begin)
    return way


def _log_in(
    host: Host,
    gateway: Gateway | None,
    options: Options,
    deadline: Deadline,
    is_wanted: Callable[[], bool],
) -> Master:
    """Return the master that has logged in to *host*; raises `TransportError`."""
    if gateway is None:
        return _started(host, options, None, deadline, is_wanted)
    lease = _lease(gateway, deadline)
    try:
        turn = _gateways.turns(gateway).take(options.gateway_logins, deadline)
        try:
            return _started(host, options, lease, deadline, is_wanted)
        finally:
            turn.end()
    except BaseException:
        lease.release()
        raise


def _started(
    host: Host,
    options: Options,
    lease: Lease[Master] | None,
    deadline: Deadline,
    is_wanted: Callable[[], bool],
) -> Master:
    home, ssh = den(), _program()
    file = options.ssh_config
    if file not in (None, "none") and not os.access(file, os.R_OK):
        raise TransportError("error", "protocol", f"cannot read the ssh configuration {file!r}")
    config = home.configuration(configuration(options))
    through = forwarding(ssh, lease.connection.socket) if lease else None

    def command(socket: Path) -> list[str]:
        return [ssh, *arguments(host, options, config=config, socket=socket, through=through)]

    with guard_of(options.run).turn(_credential(host, options), host.name, deadline) as turn:
        master = Master(home, command, lease)
        try:
            master.wait(deadline, is_wanted)
        except BaseException as error:
            master.close()
            if isinstance(error, TransportError) and error.cause == "auth-refused":
                turn.refused()
            raise
        turn.worked()
    master.note_host_key(options.host_keys)
    return master


def _credential(host: Host, options: Options) -> Credential:
    """Return what ssh will offer, as far as it is known here, for the guard."""
    identity = host.identity_file or options.identity_file
    name = f"what ssh offers for {identity}" if identity else "what ssh offers"
    return Credential(host.user or options.user or "the user of ssh", "log-in", (name,))


def _program() -> str:
    ssh = shutil.which("ssh")
    if ssh is None:
        hint = "install OpenSSH's client, or use the transport ssh"
        raise TransportError("error", "no-such-transport", "there is no program 'ssh' here", hint)
    return ssh


def _lease(gateway: Gateway, deadline: Deadline) -> Lease[Master]:
    host, options = gateway.host, gateway.options

    def connect() -> Master:
        return _log_in(host, gateway_of(host, options), options, deadline, lambda: True)

    return _gateways.lease(gateway, deadline, connect)


def gateway_of(host: Host, options: Options) -> Gateway | None:
    """Return the jump host of *host*: the inventory's, else the last of ``-J``."""
    further = structs.replace(options, jump=None)
    if host.gateway:
        return Gateway(_bare(host.gateway), further)
    if host.direct:
        return None
    last: Host | None = None
    for hop in (options.jump or "none").split(","):
        last = _hop(hop, last)
    return Gateway(last, further) if last else None


def _bare(host: Host) -> Host:
    """Return *host* with nothing but what matters to a connection."""
    return Host(
        name=host.name,
        address=host.address,
        port=host.port,
        user=host.user,
        identity_file=host.identity_file,
        known_hosts=host.known_hosts,
        gateway=_bare(host.gateway) if host.gateway else None,
        direct=host.direct,
    )


def _hop(words: str, before: Host | None) -> Host | None:
    """Return the jump host that *words* describe; None for "none"."""
    if words == "none":
        return None
    found = _HOP.fullmatch(words.removeprefix("ssh://"))
    if found is None:
        reason = f"{words!r} is no jump host"
        raise TransportError("error", "jump-failed", reason, "write [user@]host[:port]")
    name = found["number"] or found["name"]
    port = int(found["port"]) if found["port"] else None
    return Host(name=name, user=found["user"], port=port, gateway=before)


_gateways: Sharing[Gateway, Master] = Sharing()
_ways = DaemonPool(WAYS, "preflight-openssh")
