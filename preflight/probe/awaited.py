"""A stream on which the host may be silent for so long and no longer."""

from __future__ import annotations

from preflight.transport import Deadline, Stream


class Awaited:
    """
    *stream*, each read and write of which is over after *silence_s* seconds.

    A host that stopped in the middle of its work, with its network still
    alive, would else hold its worker until the host's deadline.
    """

    def __init__(self, stream: Stream, deadline: Deadline, silence_s: float) -> None:
        self._stream = stream
        self._deadline = deadline
        self._silence_s = silence_s
        self.stderr_text = stream.stderr_text
        self.exit_status = stream.exit_status
        self.close = stream.close

    def send(self, data: bytes) -> None:
        """Write all of *data* to the command's standard input."""
        self._deadline.await_answer(self._silence_s)
        try:
            self._stream.send(data)
        finally:
            self._deadline.answered()

    def read(self, limit: int) -> bytes:
        """Return between 1 and *limit* bytes of standard output, b"" at its end."""
        self._deadline.await_answer(self._silence_s)
        try:
            return self._stream.read(limit)
        finally:
            self._deadline.answered()
