"""
The frames that the script prints, read from a stream that may hold anything.

A host is not trusted: noise before the script's first word, the length of a
frame and all that a host may send in one interview are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from preflight.errors import ProbeError, TransportError
from preflight.model import text
from preflight.transport import Stream

NOISE_LIMIT = 64 << 10  # bytes of banners and start-up files before the script speaks
FRAME_LIMIT = (64 << 20) + (64 << 10)  # bytes in one frame
_HEAD_LIMIT = 200  # bytes in the first line of a frame
_HEAD = re.compile(r"([0-9a-f]+) ([A-Z]) ([0-9]{1,9}) ([0-9]{1,18})")
_CHUNK = 256 << 10


class Frame(NamedTuple):
    """One answer: what kind, to which request of the round (by its number), and its bytes."""

    kind: str
    request: int
    data: bytes


class Frames:
    """The output of one running script; *budget* is in bytes and counts all that is read."""

    def __init__(self, stream: Stream, nonce: str, budget: int) -> None:
        self._stream = stream
        self._nonce = nonce
        self._budget = budget
        self._buffer = bytearray()
        self.received = 0

    def hello(self) -> None:
        """
        Skip noise up to the script's first word.

        Raises TransportError (no-shell, output-limit) where no script ever speaks.
        """
        mark = f"hello {self._nonce}\n".encode()
        echo = f"\n{self._nonce}\n".encode()
        while (at := self._buffer.find(mark)) < 0:
            if echo in self._buffer:
                raise TransportError("error", "no-shell", "the host echoes what it is sent")
            if len(self._buffer) > NOISE_LIMIT:
                raise TransportError(
                    "error", "output-limit", f"over {NOISE_LIMIT >> 10} KiB before the first answer"
                )
            if not self._fill():
                raise TransportError("error", "no-shell", self._no_shell())
        del self._buffer[: at + len(mark)]

    def round(self) -> Iterator[Frame]:
        """Yield the frames of one round; raises ProbeError where the framing is broken."""
        while True:
            line = self._line().decode("latin-1")
            if line == f"{self._nonce} end":
                return
            yield self._frame(line)

    def _frame(self, line: str) -> Frame:
        head = _HEAD.fullmatch(line)
        if head is None or head[1] != self._nonce:
            raise ProbeError("the host broke the framing of its answers")
        length = int(head[4])
        if length > FRAME_LIMIT:
            raise ProbeError(f"the host announced an answer of {length} bytes")
        data = self._take(length + 1)
        if data[-1:] != b"\n":
            raise ProbeError("an answer of the host is not as long as announced")
        return Frame(head[2], int(head[3]), data[:-1])

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n", 0, _HEAD_LIMIT)) < 0:
            if len(self._buffer) >= _HEAD_LIMIT:
                raise ProbeError("the host broke the framing of its answers")
            self._need()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _take(self, length: int) -> bytes:
        while len(self._buffer) < length:
            self._need()
        data = bytes(memoryview(self._buffer)[:length])
        del self._buffer[:length]
        return data

    def _need(self) -> None:
        if not self._fill():
            raise TransportError(
                "unreachable", "connection-lost", "the answers of the host end early"
            )

    def _fill(self) -> bool:
        data = self._stream.read(_CHUNK)
        self._buffer += data
        self.received += len(data)
        if self.received > self._budget:
            raise TransportError(
                "error", "output-limit", f"the host sent more than {self._budget >> 20} MiB"
            )
        return bool(data)

    def _no_shell(self) -> str:
        said = text.decode(bytes(self._buffer)) + "\n" + self._stream.stderr_text()
        lines = (text.printable(line.strip()) for line in said.splitlines())
        first = next(filter(None, lines), "")
        return f"the login shell ran nothing: {first[:200]}" if first else _SILENT


_SILENT = "the login shell ended without a word"
