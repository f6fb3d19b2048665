"""
From an error message to its cause: what a loader, a kernel or a shell meant.

`FAMILIES` lists who speaks, the most telling first; each file has the lines of
one family as `Line`s.  To know one more message is one more `Line`.
"""

from __future__ import annotations

from msgspec import Struct

from preflight.messages import ending, foreign, glibc, kernel, musl
from preflight.messages.line import Line

FAMILIES: tuple[tuple[Line, ...], ...] = (
    glibc.LINES,
    musl.LINES,
    foreign.LINES,
    kernel.LINES,
    ending.LINES,
)
_LINES = 10_000  # of a log that are looked at
_LINE_CHARACTERS = 2048


class Explanation(Struct, frozen=True):
    """What one line of a message means; *code*: the finding that it is, None for other systems."""

    line: str
    code: str | None
    meaning: str
    advice: str


def explain(message: str) -> tuple[Explanation, ...]:
    """
    Return what the lines that are known mean, each cause once, the most telling first.

    *message* may be a whole log.  A line that tells the cause comes before one
    that only repeats an errno, wherever they stand.
    """
    lines = [line[:_LINE_CHARACTERS].strip() for line in message.split("\n", _LINES)[:_LINES]]
    found: dict[tuple[str | None, str], Explanation] = {}
    explained: set[str] = set()
    for family in FAMILIES:
        for text in lines:
            if text not in explained and (one := _of_family(text, family)) is not None:
                explained.add(text)
                found.setdefault((one.code, one.meaning), one)
    return tuple(found.values())


def _of_family(text: str, family: tuple[Line, ...]) -> Explanation | None:
    for known in family:
        if (match := known.pattern.search(text)) is not None:
            code, meaning, advice = known.say(match)
            return Explanation(text, code, meaning, advice)
    return None


__all__ = ["FAMILIES", "Explanation", "explain"]
