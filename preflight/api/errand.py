"""One host on its way through a run."""

from __future__ import annotations

import time

from preflight.model.host import Host
from preflight.transport import Deadline


class Errand:
    """
    What became of one host so far.

    Its time begins with its first dial, and stands still while it waits for us.
    """

    __slots__ = ("deadline", "hoped", "host", "number", "since_s", "tries", "waiting")

    def __init__(self, number: int, host: Host, timeout_s: float) -> None:
        self.number = number
        self.host = host
        self.tries = 1
        self.since_s = time.monotonic()  # when it last began to wait, or to go on
        self.waiting = False
        self.hoped = False  # it may be reached any moment
        self.deadline = Deadline(self.since_s + timeout_s)

    def wait(self) -> None:
        """Stop the host's clock: it is our turn."""
        self.since_s = time.monotonic()
        self.waiting = True

    def go_on(self) -> None:
        """Let the host's clock run."""
        now = time.monotonic()
        if self.waiting:
            self.deadline.postpone(now - self.since_s)
        self.since_s = now
        self.waiting = False
