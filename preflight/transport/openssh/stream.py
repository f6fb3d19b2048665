"""One command over the connection of a master."""

from __future__ import annotations

import threading

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.openssh.master import Master
from preflight.transport.openssh.mux import Control, Refused
from preflight.transport.process import (
    PHASE,
    STATUS_S,
    PipedStream,
    interrupted,
    piping,
)

# How long a status may come after the output, before the connection is doubted.
_WITH_OUTPUT_S = 0.02


class OpenSshStream(PipedStream):
    """
    A command on a host: ssh copies, and its control socket tells how the command ended.

    A host that refuses to run one is one that says nothing and has no status:
    ssh tells nobody which it was.
    """

    def __init__(self, master: Master, command: str, deadline: Deadline) -> None:
        self._master = master
        self._status: int | None = None
        self._ended = False
        self._asking = threading.Lock()
        with piping() as (ours, theirs):
            self._control = _start(master, command, theirs, deadline)
        super().__init__(ours, deadline)

    def exit_status(self) -> int | None:
        """Return the exit status, None where there is none yet, or no other than a signal's."""
        self._ask(min(STATUS_S, self._deadline.left_s()))
        return self._status

    def _ask(self, seconds: float) -> None:
        """Wait for the end of the command, and take its status."""
        with self._asking:
            if self._ended or self._closed.is_set():
                return
            try:
                self._control.wait_at_most(seconds)
                self._status = self._control.exit_status()
                self._ended = True
            except TimeoutError:
                pass
            except OSError:
                self._ended = True

    def _check_end(self) -> None:
        """Raise where output ended because the connection did."""
        self._ask(_WITH_OUTPUT_S)
        if self._status is None and not self._master.is_alive():
            raise self._lost()

    def _cut_short(self) -> TransportError:
        return super()._cut_short() if self._master.is_alive() else self._lost()

    def _lost(self) -> TransportError:
        if self._closed.is_set():
            return interrupted()
        return self._master.failure(PHASE, self._deadline)

    def _give_up(self) -> None:
        self._master.kill()

    def close(self) -> None:
        """End the command as far as SSH can: its channel is closed."""
        self._closed.set()
        self._close_pipes(self._in, self._out, self._err)
        with self._asking:
            self._control.close()


def _start(
    master: Master, command: str, pipes: tuple[int, int, int], deadline: Deadline
) -> Control:
    control = master.control(deadline)
    try:
        control.wait_at_most(deadline.left_s())
        control.start(command, pipes)
    except Refused as error:
        control.close()
        reason = f"the host opens no session: {str(error)!r}"
        raise TransportError("error", "no-shell", reason) from None
    except OSError:
        control.close()
        raise master.failure("before a command began", deadline) from None
    return control
