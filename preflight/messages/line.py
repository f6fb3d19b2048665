"""One message that is known, and what it says of the names in it."""

from __future__ import annotations

import re
from typing import NamedTuple

# Here a word begins: without it a long one would be tried from each of its characters on.
WORD = r"(?<![^\s:])['`\"(]?"


class Line(NamedTuple):
    """
    A pattern, the finding that it means, and sentences with its named groups in braces.

    *code* None: a system that preflight only names.
    """

    pattern: re.Pattern[str]
    code: str | None
    meaning: str
    advice: str

    def say(self, match: re.Match[str]) -> tuple[str | None, str, str]:
        """Return code, meaning and advice for a line that was found."""
        names = {name: text or "the program" for name, text in match.groupdict().items()}
        return self.code, self.meaning.format(**names), self.advice.format(**names)


def line(pattern: str, code: str | None, meaning: str, advice: str) -> Line:
    """
    Return the `Line` of a regular expression.

    Where it begins with a name that may be long, `WORD` has to stand before.
    """
    return Line(re.compile(pattern), code, meaning, advice)
