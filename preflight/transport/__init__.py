"""
How to reach a host: one file a transport, listed in TRANSPORTS.

A transport is a module with a function ``connect(host, options, deadline)``
that returns a `Session`.  It raises `TransportError` with the report's status
and cause, and nothing else; so do the session and its streams.  To add one is
one file and one line here.  A transport is imported when its first host is
asked for, so that nobody pays for SSH who does not use it.
"""

from __future__ import annotations

import importlib
import time
from types import TracebackType
from typing import Protocol, Self, cast

from msgspec import Struct

from preflight.errors import TransportError
from preflight.model.host import Host

TRANSPORTS: dict[str, str] = {
    "ssh": "preflight.transport.ssh",
    "local": "preflight.transport.local",
}


class Deadline(Struct, frozen=True):
    """A moment of the monotonic clock at which the whole host has to be done."""

    at_s: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline that lies *seconds* from now."""
        return cls(time.monotonic() + seconds)

    def left_s(self) -> float:
        """Return the seconds that are left, 0.0 when it has passed."""
        return max(0.0, self.at_s - time.monotonic())


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

    def start(self, command: str) -> Stream:
        """Start *command* with the remote user's login shell, without a terminal."""

    def close(self) -> None:
        """Close the connection; safe to call twice and from another thread, ends any wait."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Options(Struct, frozen=True, kw_only=True):
    """What the command line says about connecting, for every host."""

    connect_timeout_s: float = 10.0
    user: str | None = None
    identity_file: str | None = None
    known_hosts: str | None = None
    use_agent: bool = True


class Transport(Protocol):
    """What a module of TRANSPORTS offers."""

    def connect(self, host: Host, options: Options, deadline: Deadline) -> Session:
        """Return a session with *host*, or raise `TransportError`."""


def connect(host: Host, options: Options, deadline: Deadline) -> Session:
    """
    Return a session with *host* over the transport that it names.

    The session may be used by one thread at a time and closed by any.
    Everything is over at *deadline*, in whatever state the host hangs.
    """
    try:
        module = TRANSPORTS[host.transport]
    except KeyError:
        known = ", ".join(sorted(TRANSPORTS))
        reason = f"there is no transport {host.transport!r}"
        raise TransportError("error", "no-such-transport", reason, f"use one of: {known}") from None
    return cast(Transport, importlib.import_module(module)).connect(host, options, deadline)
