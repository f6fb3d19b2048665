"""How preflight speaks on standard error, and what it knows of the terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from preflight.model.text import printable

_PIPE_COLUMNS = 100
_CLEAR_LINE = "\r\x1b[K"  # ECMA-48: carriage return, erase in line
_turn = threading.RLock()  # held by who writes to standard error


def complain(message: str, hint: str | None = None) -> None:
    """Print one error line and, where there is something to type, one hint line."""
    _say("error", message)
    advise(hint)


def warn(message: str, hint: str | None = None) -> None:
    """Print one warning line and, where there is something to type, one hint line."""
    _say("warning", message)
    advise(hint)


def advise(hint: str | None) -> None:
    """Print one hint line, where there is something to say."""
    if hint:
        _say("hint", hint)


def note(message: str) -> None:
    """Print one line that is neither error nor warning."""
    _say(None, message)


def colored(stream: TextIO) -> bool:
    """Whether *stream* wants color: NO_COLOR, FORCE_COLOR and TERM=dumb before isatty."""
    if os.environ.get("NO_COLOR"):
        return False
    if (forced := os.environ.get("FORCE_COLOR")) is not None:
        return forced not in ("", "0", "false")
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def interactive(stream: TextIO) -> bool:
    """Whether somebody watches *stream*, so that it may move: not in a pipe, not under CI."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def width(stream: TextIO) -> int:
    """Return the columns to fill: $COLUMNS or the terminal's; 100 for a pipe or file."""
    if (columns := os.environ.get("COLUMNS", "")).isdecimal() and int(columns):
        return int(columns)
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or _PIPE_COLUMNS
    return _PIPE_COLUMNS


def speaks_unicode(stream: TextIO) -> bool:
    """Whether *stream* can carry the signs of the table."""
    return (stream.encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")


def status_line(text: str) -> None:
    """Write *text* over the last line of the terminal, unless somebody else has the word."""
    if _turn.acquire(blocking=False):
        try:
            _write(_CLEAR_LINE + text)
        finally:
            _turn.release()


@contextmanager
def having_the_word() -> Iterator[None]:
    """Keep the moving line away meanwhile: for prompts on the terminal."""
    with _turn:
        if interactive(sys.stderr):
            _write(_CLEAR_LINE)
        yield


def _say(kind: str | None, message: str) -> None:
    """Write one line, whatever stands in file names and the words of a host."""
    line = ": ".join(filter(None, ("preflight", kind, printable(message))))
    with having_the_word():
        _write(f"{line}\n")


def _write(text: str) -> None:
    with suppress(OSError):  # nobody listens, and the exit status says it too
        sys.stderr.write(text)
        sys.stderr.flush()
