"""Which lines name a host: ssh_config(5), PATTERNS."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple


class NameLine(NamedTuple):
    """What a Host line, or a list of a Match line, means: some names, but not others."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]

    @classmethod
    def of_words(cls, words: Iterable[str]) -> NameLine:
        """Return what a Host line names.  Source: OpenSSH readconf.c, oHost."""
        words = tuple(words)
        unwanted = tuple(word[1:] for word in words if word.startswith("!"))
        return cls(tuple(word for word in words if not word.startswith("!")), unwanted)

    @classmethod
    def of_list(cls, text: str) -> NameLine:
        """Return what a list names, in lower case.  Source: OpenSSH match.c, match_hostname()."""
        return cls.of_words(word for word in text.lower().split(",") if word)

    def matches(self, name: str) -> bool:
        """Whether the line means *name*."""
        return _any(self.wanted, name) and not _any(self.unwanted, name)


class Index:
    """Many lines, asked at once: names are looked up, only patterns are tried one by one."""

    def __init__(self, lines: dict[int, NameLine]) -> None:
        self._plain: dict[str, list[int]] = {}
        self._patterns: list[tuple[re.Pattern[str], int]] = []
        self._unwanted = {n: _compiled(line.unwanted) for n, line in lines.items() if line.unwanted}
        for number, line in lines.items():
            for wanted in line.wanted:
                if re.search(r"[*?]", wanted):
                    self._patterns.append((_compile(wanted), number))
                else:
                    self._plain.setdefault(_bytewise(wanted), []).append(number)

    def matching(self, name: str) -> frozenset[int]:
        """Return the numbers of the lines that mean *name*."""
        name = _bytewise(name)
        found = {*self._plain.get(name, ()), *(n for p, n in self._patterns if p.fullmatch(name))}
        return frozenset(
            n for n in found if not any(p.fullmatch(name) for p in self._unwanted.get(n, ()))
        )


def _any(patterns: tuple[str, ...], name: str) -> bool:
    return any(p.fullmatch(_bytewise(name)) for p in _compiled(patterns))


def _compiled(patterns: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(map(_compile, patterns))


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern, in which only ``*`` and ``?`` are special.  Source: match_pattern()."""
    expression = re.escape(_bytewise(pattern)).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(expression, re.DOTALL)


def _bytewise(name: str) -> str:
    """Return *name* with one character for each byte, which is what ``?`` stands for."""
    return name if name.isascii() else os.fsencode(name).decode("latin-1")
