"""
From an error message to its cause: what a loader, a kernel or a shell meant.

`FAMILIES` lists who speaks, the most telling first; each file has the lines of
one family as `Line`s.  To know one more message is one more `Line`.
"""

from __future__ import annotations

from msgspec import Struct

from preflight.messages import foreign, glibc, kernel, musl
from preflight.messages.line import Line

FAMILIES: tuple[tuple[Line, ...], ...] = (glibc.LINES, musl.LINES, foreign.LINES, kernel.LINES)
_LINES = 10_000  # of a log that are looked at
_LINE_CHARACTERS = 2048


class Explanation(Struct, frozen=True):
    """What one line of a message means; *code*: the finding that it is, None for other systems."""

    line: str
    code: str | None
    meaning: str
    advice: str


def explain(message: str) -> Explanation | None:
    """
    Return what the first line that is known means, None where none is.

    *message* may be a whole log.  A line that tells the cause comes before one
    that only repeats an errno, wherever they stand.
    """
    lines = [line[:_LINE_CHARACTERS].strip() for line in message.split("\n", _LINES)[:_LINES]]
    for family in FAMILIES:
        for text in lines:
            for known in family:
                if (match := known.pattern.search(text)) is not None:
                    code, meaning, advice = known.say(match)
                    return Explanation(text, code, meaning, advice)
    return None


__all__ = ["FAMILIES", "Explanation", "explain"]
