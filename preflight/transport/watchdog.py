"""
One thread that ends what is over its time, for all the connections of the process.

A `threading.Timer` for each would be a thread for each.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from preflight.transport import Deadline

_TIDY = 512  # watches that are kept though they are called off


class Watch:
    """Something to be done at a deadline, unless it is called off before."""

    __slots__ = ("act", "deadline", "dog")

    def __init__(self, dog: Watchdog, deadline: Deadline, act: Callable[[], None]) -> None:
        self.dog = dog
        self.deadline = deadline
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        """Call it off; safe to call twice and from any thread."""
        act, self.act = self.act, None  # lets go of the connection at once
        if act is not None:
            self.dog.called_off()


class Watchdog:
    """Watches deadlines; one that was moved meanwhile is watched further."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: list[tuple[float, int, Watch]] = []
        self._numbers = itertools.count()
        self._called_off = 0
        self._wakes_at_s = 0.0
        self._thread: threading.Thread | None = None

    def watch(self, deadline: Deadline, act: Callable[[], None]) -> Watch:
        """Have *act* be called at *deadline*, in a thread of its own, for it may wait itself."""
        watch = Watch(self, deadline, act)
        with self._changed:
            self._push(watch)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, daemon=True, name="preflight-watchdog"
                )
                self._thread.start()
            elif deadline.at_s < self._wakes_at_s:
                self._changed.notify()
        return watch

    def called_off(self) -> None:
        """Count a watch that is called off, and forget such watches now and then."""
        with self._changed:
            self._called_off += 1
            if self._called_off > max(_TIDY, len(self._watches) // 2):
                self._watches = [entry for entry in self._watches if entry[2].act]
                heapq.heapify(self._watches)
                self._called_off = 0

    def _push(self, watch: Watch) -> None:
        heapq.heappush(self._watches, (watch.deadline.at_s, next(self._numbers), watch))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._wakes_at_s = self._watches[0][0] if self._watches else time.monotonic() + 3600
                self._changed.wait(max(0.0, self._wakes_at_s - time.monotonic()))
                due = list(self._due())
            for act in due:
                threading.Thread(target=act, daemon=True, name="preflight-cutoff").start()

    def _due(self) -> list[Callable[[], None]]:
        now, due = time.monotonic(), []
        while self._watches and (self._watches[0][0] <= now or not self._watches[0][2].act):
            watch = heapq.heappop(self._watches)[2]
            if watch.act and watch.deadline.at_s > now:
                self._push(watch)
            elif watch.act:
                due.append(watch.act)
            else:
                self._called_off -= 1
        return due


_the_dog = Watchdog()
watch = _the_dog.watch
