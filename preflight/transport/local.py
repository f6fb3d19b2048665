"""The machine that preflight runs on, without SSH: a shell in a process group of its own."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from msgspec import Struct

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.model.snapshot import HostKeyState
from preflight.transport import Contact, Deadline, Options
from preflight.transport.closing import Closing
from preflight.transport.process import ProcessStream


class LocalSession(Closing):
    """The machine that preflight runs on, for as long as nobody closes the session."""

    warnings: tuple[str, ...] = ()
    host_key: HostKeyState | None = None

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._streams: list[ProcessStream] = []
        self._lock = threading.Lock()
        self._closed = False

    def start(self, command: str) -> ProcessStream:
        """Start *command* with /bin/sh in the environment of preflight itself."""
        with self._lock:
            if self._closed:
                raise TransportError("not-run", "interrupted", "closed before the command began")
            try:
                stream = ProcessStream(["/bin/sh", "-c", command], self._deadline)
            except OSError as error:
                reason = f"cannot start /bin/sh: {error.strerror}"
                raise TransportError("error", "no-shell", reason) from None
            self._streams.append(stream)
            return stream

    def close(self) -> None:
        """Kill what still runs; safe to call twice and from another thread, ends any wait."""
        with self._lock:
            self._closed = True
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.close()


class _Here(Struct, frozen=True):
    """The machine itself: no way to go, and nobody to convince."""

    deadline: Deadline

    def log_in(self) -> LocalSession:
        return LocalSession(self.deadline)

    def close(self) -> None:
        """Do nothing: there is no connection."""


def reach(host: Host, options: Options, deadline: Deadline) -> Future[Contact]:
    """Return the contact with this machine, whatever *host* and *options* say of addresses."""
    del host, options
    here: Future[Contact] = Future()
    here.set_result(_Here(deadline))
    return here
