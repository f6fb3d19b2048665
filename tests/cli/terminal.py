"""A terminal of its own for a command, and somebody who types."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import termios
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Typed(NamedTuple):
    """How a command ended: its status, its streams, and what the terminal showed."""

    status: int
    out: str
    err: str
    screen: str


def run_on_terminal(
    start: Callable[..., subprocess.Popen[str]],
    arguments: Sequence[object],
    answers: Sequence[str],
    **settings: object,
) -> Typed:
    """Run a command whose terminal gets one of *answers* for each prompt that it shows."""
    master, slave = pty.openpty()
    screen: list[bytes] = []
    process = start(
        *arguments,
        start_new_session=True,
        preexec_fn=lambda: _take_terminal(slave),
        **settings,
    )
    # Open at this end as well, or the terminal would be gone until the command opens it.
    typing = threading.Thread(target=_type, args=(master, list(answers), screen))
    typing.start()
    try:
        out, err = process.communicate(timeout=60)
    finally:
        os.close(slave)
        typing.join()
        os.close(master)
    return Typed(process.returncode, out, err, b"".join(screen).decode())


def _take_terminal(slave: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def _type(master: int, answers: list[str], screen: list[bytes]) -> None:
    """Type the next answer when a prompt stands there; what is typed is on the screen if shown."""
    unanswered = b""
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:  # nobody has the terminal any more
            return
        screen.append(data)
        unanswered += data
        if unanswered.endswith(b": ") and answers:
            answer = answers.pop(0)
            os.write(master, answer.encode() if answer == "\x03" else f"{answer}\n".encode())
            unanswered = b""
