"""
Threads for what can only be done by waiting: the end of the process waits for none of them.

`concurrent.futures.ThreadPoolExecutor` joins its threads when the interpreter
ends, however long a name service or a jump host takes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, InvalidStateError
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from preflight.transport import Deadline

T = TypeVar("T")
_IDLE_S = 5.0  # after which a thread without work ends


class DaemonPool(Executor):
    """Threads called *name*, *size* at most, made where there is work and none is free."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._lock = Lock()
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads = 0
        self._busy = 0  # tasks that run or wait

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Return the future of ``fn(*args, **kwargs)``; a cancelled one is not run."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
                future.set_exception(error)

        self.run(run)
        return future

    def run(self, task: Callable[[], None]) -> None:
        """Run *task*, which must not raise, and answer to nobody."""
        with self._lock:
            self._busy += 1
            self._tasks.put(task)
            if not self._threads < min(self._busy, self._size):
                return
            self._threads += 1
        Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=_IDLE_S)
            except Empty:
                with self._lock:
                    if self._tasks.empty():
                        self._threads -= 1
                        return
                continue
            task()
            del task  # or what it holds would live until the next one
            with self._lock:
                self._busy -= 1


def set_out(pool: DaemonPool, way: Future[T], deadline: Deadline, task: Callable[[], None]) -> None:
    """Run *task* for *way*, whose failure it may raise; waiting for a thread is not its time."""
    asked_s = time.monotonic()

    def begin() -> None:
        deadline.postpone(time.monotonic() - asked_s)
        if way.cancelled():
            return
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            settle(way, error)

    pool.run(begin)


def settle(future: Future[T], result: T | BaseException) -> bool:
    """Set the result or the failure of *future*; return False where nobody waits any longer."""
    with contextlib.suppress(InvalidStateError):
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
        return True
    return False
