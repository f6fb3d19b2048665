"""The one event loop of the process, in a thread of its own, for waits that need no thread each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any


class _Loop:
    """A loop that begins to run when it is first needed, and never ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        """Return the loop, which runs from now on."""
        with self._lock:
            if self._loop is None:
                # Not the policy's: a caller may have chosen one for a loop of its own.
                self._loop = asyncio.SelectorEventLoop()
                run = self._loop.run_forever
                threading.Thread(target=run, daemon=True, name="preflight-loop").start()
            return self._loop


_the_loop = _Loop()


def run(coroutine: Coroutine[Any, Any, None], future: Future[Any]) -> None:
    """Have the loop run *coroutine*, which settles *future*; cancelling that cancels it."""
    loop = _the_loop.get()

    def begin() -> None:
        task = loop.create_task(coroutine)

        def end(ended: Future[Any]) -> None:
            if ended.cancelled():
                loop.call_soon_threadsafe(task.cancel)

        future.add_done_callback(end)

    loop.call_soon_threadsafe(begin)
