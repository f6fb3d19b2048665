"""How preflight speaks on standard error, and what it knows of the terminal."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

from preflight.model.text import printable


def complain(message: str, hint: str | None = None) -> None:
    """Print one error line and, where there is something to type, one hint line."""
    _say("error", message)
    if hint:
        _say("hint", hint)


def warn(message: str) -> None:
    """Print one warning line."""
    _say("warning", message)


def hint(message: str) -> None:
    """Print one hint line."""
    _say("hint", message)


def colored(stream: TextIO) -> bool:
    """Whether *stream* wants color: NO_COLOR, FORCE_COLOR and TERM=dumb before isatty."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width(stream: TextIO) -> int:
    """Return the columns to fill: the terminal's or $COLUMNS; 100 for a pipe or file."""
    fallback = (100, 24)
    if stream.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size(fallback).columns
    return fallback[0]


def speaks_unicode(stream: TextIO) -> bool:
    """Whether *stream* can carry the signs of the table."""
    return (stream.encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")


def _say(kind: str, message: str) -> None:
    lines = [printable(line) for line in message.split("\n")]
    sys.stderr.write(f"preflight: {kind}: " + "\n  ".join(lines) + "\n")
    sys.stderr.flush()
