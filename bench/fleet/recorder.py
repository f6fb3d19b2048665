"""The real script in a real root, asked line by line: what the played hosts answer is its word."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import BinaryIO, Self, cast

from preflight.probe.frames import Frame, Frames
from preflight.probe.script import COMMAND, bootstrap
from preflight.probe.states import parse_state

NONCE = "0123456789abcdef" * 2
_BUDGET = 1 << 40


class _Pipe:
    """The script's output, as `Frames` reads it."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    def read(self, limit: int) -> bytes:
        """Return what is there, at most *limit* bytes; waits for the first one."""
        return self._output.read1(limit)  # type: ignore[attr-defined, no-any-return]

    def stderr_text(self) -> str:
        """Return nothing: standard error is this process's own."""
        return ""


class Recorder:
    """One running script in *root*; safe for many threads.  Leaving it as a context ends it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        pipe = subprocess.PIPE
        command: list[str | Path] = ["chroot", root, "/bin/sh", "-c", COMMAND]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe)
        self._frames = Frames(_Pipe(cast(BinaryIO, self._process.stdout)), NONCE, _BUDGET)  # type: ignore[arg-type]
        self._lock = threading.Lock()
        self._write(f"{bootstrap()}{NONCE}\n")
        self._frames.hello()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.communicate()

    def ask(self, request: str) -> list[Frame]:
        """Return the frames that answer one request, such as ``S 0 /bin/sh``."""
        with self._lock:
            self._write(f"{request}\n.\n")
            return list(self._frames.round())

    def state(self, word: str) -> tuple[bytes, bytes] | bytes:
        """Return the line of stat(1) and the real path of *word*, or the line of its error."""
        bits, _, rest = self.ask(f"S 0 {word}")[0].data.removesuffix(b".").partition(b"\n")
        if bits == b"0":
            return rest
        line, _, real = rest.partition(b"\n")
        if parse_state(line, b"/") is None:
            raise RuntimeError(f"no state of {word} in {self.root}: {rest!r}")
        return line, real.removesuffix(b"\n")

    def _write(self, text: str) -> None:
        stdin = cast(BinaryIO, self._process.stdin)
        stdin.write(text.encode())
        stdin.flush()
