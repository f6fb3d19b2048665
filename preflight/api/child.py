"""One of several processes that ask a fleet: hosts come in and outcomes go out over one socket."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BufferedReader
from queue import SimpleQueue
from threading import Lock, Thread

from preflight.api.fleet import Fleet
from preflight.api.wants import Want
from preflight.api.wire import (
    Broken,
    Ready,
    Receiver,
    Reporter,
    greeted,
    told,
    with_confided,
)
from preflight.model import codec
from preflight.model.host import Host
from preflight.transport.credentials.guard import Guard, News, guard_of

_PARTING_S = 2.0
_M_ARENA_MAX = -8
_GC_THRESHOLDS = (700, 5, 5)  # the oldest generation is looked at four times as often as usual


def main(descriptor: int) -> None:
    """Ask what comes from the socket *descriptor*, until its other end is closed."""
    # The parent hears these too, and decides.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGHUP))
    _have_few_arenas()
    _collect_soon()
    with socket.socket(fileno=descriptor) as line:
        line.set_inheritable(False)  # who inherited it would hide our end from the parent
        with suppress(OSError):  # the parent has hung up
            _serve(line)


def _have_few_arenas() -> None:
    """
    Have threads share their heaps, each of which keeps what it was once given.

    One thread runs Python at a time anyway.  Source: mallopt(3), M_ARENA_MAX,
    which other C libraries than glibc do not have.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _collect_soon() -> None:
    """
    Have a closed connection go soon: paramiko's transports are cycles, of 100 kB each.

    What is there from the start is not looked at again.  Source: Python's gc module.
    """
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _serve(line: socket.socket) -> None:
    lines, say = line.makefile("rb"), _sender(line)
    try:
        options, answers = greeted(lines.readline())
        options = with_confided(options, lines.readline())
        guard = guard_of(options.connect.run)
        guard.listen(lambda news: say(told(news)))
        inbox = _Inbox(lines, guard)
        reporter = Reporter(answers=answers)
        with Fleet(inbox, inbox.wants_of, options) as fleet:
            Thread(target=inbox.fill, args=(fleet.stop,), daemon=True).start()
            say(codec.encode(Ready()) + b"\n")
            for outcome in fleet.outcomes():
                say(reporter.outcome(outcome))
                inbox.forget(outcome.snapshot.host)
    except OSError:
        raise
    except BaseException as error:  # noqa: BLE001 - the parent asks again elsewhere
        say(codec.encode(Broken(f"{type(error).__name__}: {error}")) + b"\n")


def _sender(line: socket.socket) -> Callable[[bytes], None]:
    """Return a function that sends whole lines, from any thread."""
    lock = Lock()

    def say(data: bytes) -> None:
        with lock:
            line.sendall(data)

    return say


class _Inbox:
    """The hosts that the parent sends, as they come; ends when the parent hangs up."""

    def __init__(self, lines: BufferedReader, guard: Guard) -> None:
        self._lines = lines
        self._guard = guard
        self._hosts: SimpleQueue[Host | None] = SimpleQueue()
        self._wants: dict[str, tuple[Want, ...]] = {}

    def __iter__(self) -> Iterator[Host]:
        while (host := self._hosts.get()) is not None:
            yield host

    def wants_of(self, host: Host) -> tuple[Want, ...]:
        return self._wants[host.name]

    def forget(self, name: str) -> None:
        """Let go of the wants of a host that is done."""
        del self._wants[name]

    def fill(self, stop: Callable[[], None]) -> None:
        """Take in what the parent sends; at its end *stop*, and have the process end soon."""
        receiver = Receiver()
        try:
            for line in self._lines:
                asked = receiver.hear(line)
                if isinstance(asked, News):
                    self._guard.hear(asked)
                elif asked is not None:
                    self._wants[asked[0].name] = asked[1]
                    self._hosts.put(asked[0])
        finally:
            self._hosts.put(None)
            stop()
            time.sleep(_PARTING_S)
            os.kill(os.getpid(), signal.SIGKILL)
