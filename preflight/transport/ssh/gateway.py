"""
Jump hosts: one connection to each, shared by all the hosts behind it.

A connection stays open for a while after its last host, for the next one.  A
failure is shared as well for a while: fifty hosts behind a jump host that
refuses a key are one refused log-in, not fifty.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

import paramiko

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.lost import lost, timed_out
from preflight.transport.settings import Settings
from preflight.transport.ssh.link import Link
from preflight.transport.ssh.protocol import BROKEN

IDLE_S = 10.0
FAILURE_S = 10.0
# What an OpenSSH server says in the system's words, and what that is called here.
_CAUSES = {
    "Connection refused": ("unreachable", "connection-refused"),
    "No route to host": ("unreachable", "no-route"),
    "Network is unreachable": ("unreachable", "no-route"),
    "Connection timed out": ("timeout", "connect-timeout"),
    "Name or service not known": ("unreachable", "name-not-found"),
    "No address associated with hostname": ("unreachable", "name-not-found"),
    "Temporary failure in name resolution": ("unreachable", "name-not-found"),
}
Opener: TypeAlias = Callable[[Settings, Deadline], Link]


class _Shared:
    """The connection to one jump host, or why there is none, and how many use it."""

    def __init__(self) -> None:
        self.connecting = threading.Lock()
        self.link: Link | None = None
        self.users = 0
        self.failure: TransportError | None = None
        self.failed_until = Deadline(0.0)


class Gateways:
    """The jump hosts in use; *opener* connects to one."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._lock = threading.Lock()
        self._shared: dict[Settings, _Shared] = {}

    def lease(self, settings: Settings, deadline: Deadline) -> Lease:
        """Return a share of the connection to a jump host, opened if need be."""
        with self._lock:
            shared = self._shared.setdefault(settings, _Shared())
        if not shared.connecting.acquire(timeout=deadline.left_s()):
            raise lost(f"while waiting for the jump host {settings.name}", deadline)
        try:
            link = self._share(shared) or self._connect(shared, settings, deadline)
        finally:
            shared.connecting.release()
        return Lease(settings, link, lambda: self._release(shared))

    def _share(self, shared: _Shared) -> Link | None:
        with self._lock:
            if shared.link is None or not shared.link.transport.is_active():
                return None
            shared.users += 1
            return shared.link

    def _connect(self, shared: _Shared, settings: Settings, deadline: Deadline) -> Link:
        if shared.failure and shared.failed_until.left_s():
            raise _through(settings, shared.failure)
        try:
            link = self._opener(settings, deadline)
        except TransportError as error:
            if error.cause != "deadline":
                shared.failure, shared.failed_until = error, Deadline.after(FAILURE_S)
            raise _through(settings, error) from None
        link.outlive()
        with self._lock:
            shared.link = link
            shared.users += 1
        return link

    def _release(self, shared: _Shared) -> None:
        with self._lock:
            shared.users -= 1
            last = shared.users == 0
        if last:
            timer = threading.Timer(IDLE_S, self._close_idle, (shared, shared.link))
            timer.daemon = True
            timer.start()

    def _close_idle(self, shared: _Shared, link: Link) -> None:
        with self._lock:
            if shared.users or shared.link is not link:
                return
            shared.link = None
        link.close()


def _through(settings: Settings, error: TransportError) -> TransportError:
    cause = "deadline" if error.cause == "deadline" else "jump-failed"
    reason = f"the jump host {settings.name}: {error.message}"
    return TransportError(error.status, cause, reason, error.hint, passing=error.passing)


class Lease:
    """One host's share of the connection to its jump host; *release* gives it back."""

    def __init__(self, settings: Settings, link: Link, release: Callable[[], None]) -> None:
        self.warnings = link.warnings
        self._settings = settings
        self._transport = link.transport
        self._release = release

    def release(self) -> None:
        """Give the share back, once; the connection ends some time after the last share."""
        release, self._release = self._release, _nothing
        release()

    def dial(
        self, address: str, port: int, timeout_s: float, deadline: Deadline
    ) -> paramiko.Channel:
        """Return a connection from the jump host to *address*, a name that it looks up itself."""
        limit_s = min(timeout_s, deadline.left_s())
        try:
            return self._transport.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=limit_s
            )
        except paramiko.ChannelException as error:
            raise self._refusal(error.text) from None
        except BROKEN:
            if not self._transport.is_active():
                failure = lost("before the host was reached", deadline, self._transport.farewell)
                raise _through(self._settings, failure) from None
        reason = f"no answer through the jump host {self._settings.name} in {timeout_s:g} s"
        raise timed_out("connect-timeout", reason, deadline)

    def _refusal(self, says: str) -> TransportError:
        reason = f"the jump host {self._settings.name} cannot connect: {says!r}"
        for words, (status, cause) in _CAUSES.items():
            if words in says:
                return TransportError(status, cause, reason)
        return TransportError("unreachable", "jump-failed", reason)


def _nothing() -> None:
    """Release what was released before: nothing."""
