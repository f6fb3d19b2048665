"""
How to reach a host: one file a transport, listed in TRANSPORTS.

A transport is a module with a function ``reach(host, options, deadline)`` that
returns at once, with the future of a `Contact`: many hosts can be on their way
while few are talked to.  ``Contact.log_in()`` then returns a `Session`.  All of
them, and the session's streams, raise `TransportError` with the report's status
and cause, and nothing else.  To add a transport is one file and one line here.
It is imported when its first host is asked for, so that nobody pays for SSH who
does not use it.
"""

from __future__ import annotations

import importlib
import math
import secrets
import time
from concurrent.futures import Future
from typing import Literal, Protocol, Self, cast

from msgspec import Struct, structs

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.model.snapshot import HostKeyState
from preflight.transport.credentials.secret import NO_SECRETS, Secrets

TRANSPORTS: dict[str, str] = {
    "ssh": "preflight.transport.ssh.session",
    "openssh": "preflight.transport.openssh.session",
    "local": "preflight.transport.local",
}
DEFAULT = "ssh"


class Deadline(Struct, eq=False):
    """
    A moment of the monotonic clock at which the whole host has to be done.

    It moves while a host waits for its turn: time that we take is not the
    host's.  *answer_at_s* comes before it while an answer is awaited.
    """

    at_s: float
    answer_at_s: float = math.inf

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline that lies *seconds* from now."""
        return cls(time.monotonic() + seconds)

    def left_s(self) -> float:
        """Return the seconds that are left, 0.0 when it has passed."""
        return max(0.0, min(self.at_s, self.answer_at_s) - time.monotonic())

    def postpone(self, seconds: float) -> None:
        """Give the host the *seconds* for which it waited for us."""
        self.at_s += seconds

    def await_answer(self, seconds: float) -> None:
        """Have the host be over in *seconds*, until `answered`, where it is not over sooner."""
        self.answer_at_s = time.monotonic() + seconds

    def answered(self) -> None:
        """Count the host's time alone again."""
        self.answer_at_s = math.inf

    @property
    def overslept(self) -> bool:
        """Whether an answer is late while the host as a whole has time left."""
        return self.answer_at_s <= time.monotonic() < self.at_s


class Stream(Protocol):
    """One running command: bytes in, bytes out, every wait bounded by the host's deadline."""

    def send(self, data: bytes) -> None:
        """Write all of *data* to the command's standard input."""

    def read(self, limit: int) -> bytes:
        """Return between 1 and *limit* bytes of standard output, b"" at its end."""

    def stderr_text(self) -> str:
        """Return the last few kilobytes of standard error, for a reason to show."""

    def exit_status(self) -> int | None:
        """Return the command's exit status once it is known, else None; never waits long."""

    def close(self) -> None:
        """End the command; safe to call twice and from another thread."""


class Session(Protocol):
    """One authenticated connection to one host."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the operator should mend though the connection stands, one line each."""

    @property
    def host_key(self) -> HostKeyState | None:
        """How the host proved who it is; None where there is nothing to prove."""

    def start(self, command: str) -> Stream:
        """Start *command* with the remote user's login shell, without a terminal."""

    def close(self) -> None:
        """Close the connection; safe to call twice and from another thread, ends any wait."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Contact(Protocol):
    """A host that was reached, and to which nobody has said who they are yet."""

    def log_in(self) -> Session:
        """Return the session; to be called once, and then `close` has nothing left to do."""

    def close(self) -> None:
        """Hang up without a log-in; safe to call twice and from another thread."""


HostKeys = Literal["strict", "accept-new", "off"]


class Options(Struct, frozen=True, kw_only=True):
    """
    What the command line says about connecting, for every host; times in seconds.

    Plain data that may travel to other processes and machines, but for its
    *secrets*, which refuse to: replace them by NO_SECRETS first.
    """

    connect_timeout_s: float | None = None  # None: ssh_config's, or 10
    user: str | None = None
    identity_file: str | None = None
    known_hosts: str | None = None
    host_keys: HostKeys = "strict"
    use_agent: bool = True
    transport: str | None = None  # for hosts that name none
    ssh_config: str | None = None  # a file, or "none"; None: ssh's own files
    ssh_options: tuple[str, ...] = ()  # "KEY=VALUE", as ssh -o takes them
    jump: str | None = None  # [user@]host[:port][,…], for hosts without a jump of their own
    become: bool = False  # run the probe as become_user, through sudo
    become_user: str = "root"
    gateway_logins: int = 8  # log-ins in flight through one jump host
    secrets: Secrets = NO_SECRETS
    run: str = ""  # the name of the run, which has one lock-out guard in each process


class Transport(Protocol):
    """What a module of TRANSPORTS offers."""

    def reach(self, host: Host, options: Options, deadline: Deadline) -> Future[Contact]:
        """Set out for *host*; the future raises `TransportError` where it cannot be reached."""


class Become(Protocol):
    """What `preflight.transport.become` offers."""

    def through_sudo(
        self, transport: Transport, host: Host, options: Options, deadline: Deadline
    ) -> Future[Contact]:
        """Set out for *host*; every command of its sessions then runs through sudo."""


def in_one_run(options: Options) -> Options:
    """Return *options* for hosts that are asked in one run, and that share its lock-out guard."""
    return structs.replace(options, run=options.run or secrets.token_hex(8))


def reach(host: Host, options: Options, deadline: Deadline) -> Future[Contact]:
    """
    Set out for *host* over the transport that it names, without waiting for it.

    Everything is over at *deadline*, in whatever state the host hangs.
    """
    name = host.transport or options.transport or DEFAULT
    try:
        module = TRANSPORTS[name]
    except KeyError:
        known = ", ".join(sorted(TRANSPORTS))
        reason = f"there is no transport {name!r}"
        raise TransportError("error", "no-such-transport", reason, f"use one of: {known}") from None
    transport = cast(Transport, importlib.import_module(module))
    if not (options.become if host.become is None else host.become):
        return transport.reach(host, options, deadline)
    become = cast(Become, importlib.import_module("preflight.transport.become"))
    return become.through_sudo(transport, host, options, deadline)


def connect(host: Host, options: Options, deadline: Deadline) -> Session:
    """
    Return a session with *host*: reach it, and log in.

    The session may be used by one thread at a time and closed by any.
    """
    return reach(host, options, deadline).result().log_in()
