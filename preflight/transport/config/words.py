"""
One line of ssh_config(5) in its words, as OpenSSH splits it.

What versions of OpenSSH read differently is `Unclear`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from preflight.transport.config.failures import Unclear

_LINE = re.compile(r"[ \t\r]*([A-Za-z][A-Za-z0-9]*)(?:[ \t\r]*=[ \t\r]*|[ \t\r]+)(\S.*)", re.DOTALL)
_CRITERION = re.compile(r"[ \t\r]*(!?)([A-Za-z]+)")
_ARGUMENT = re.compile(r"(?:[ \t\r]*=[ \t\r]*|[ \t\r]+)([^\s\"'\\=#]+)(?=[ \t\r]|$)")
_ALONE = {"all", "canonical", "final"}
_WITH_ARGUMENT = {
    *("host", "originalhost", "user", "localuser"),
    *("tagged", "localnetwork", "version", "command", "sessiontype"),
}


class Criterion(NamedTuple):
    """One condition of a Match line."""

    name: str
    negated: bool = False
    argument: str = ""  # of exec: all the rest of the line


def keyword_of(line: str) -> tuple[str, str] | None:
    """
    Return the keyword of a line, in lower case, and the rest; None for a blank or a comment.

    Source: OpenSSH readconf.c, process_config_line_depth().
    """
    line = line.rstrip(" \t\r\n\f")
    start = line.lstrip(" \t\r")
    if not start or start.startswith("#"):
        return None
    found = _LINE.fullmatch(line)
    if found is None or "\0" in line:
        raise Unclear("not 'keyword value'")
    return found[1].lower(), found[2]


def words_of(rest: str) -> tuple[str, ...]:
    """
    Return the words of a value: quotes and escapes taken away, without a comment.

    Source: OpenSSH misc.c, argv_split().
    """
    if not re.search(r"[\"'\\]", rest):
        plain = [word for word in re.split(r"[ \t]+", rest) if word]
        comment = (place for place, word in enumerate(plain) if word.startswith("#"))
        return tuple(plain[: next(comment, None)])
    words: list[str] = []
    at = 0
    while True:
        while rest[at : at + 1] in {" ", "\t"}:
            at += 1
        if rest[at : at + 1] in {"", "#"}:
            return tuple(words)
        word, at = _quoted_word(rest, at)
        words.append(word)


def _quoted_word(rest: str, at: int) -> tuple[str, int]:
    word, quote = "", ""
    while at < len(rest):
        char, after = rest[at], rest[at + 1 : at + 2]
        if char == "\\" and after and (after in "'\"\\" or (after == " " and not quote)):
            word += after
            at += 1
        elif not quote and char in " \t":
            break
        elif not quote and char in "'\"":
            quote = char
        elif char == quote:
            quote = ""
        else:
            word += char
        at += 1
    if quote:
        raise Unclear("a quote has no end")
    return word, at


def criteria_of(rest: str) -> tuple[Criterion, ...]:
    """Return the conditions of a Match line; after an exec there may be more.

    Source: OpenSSH readconf.c, match_cfg_line().
    """
    found: list[Criterion] = []
    at = 0
    while rest[at:].strip() and not rest[at:].lstrip().startswith("#"):
        name = _CRITERION.match(rest, at)
        if name is None:
            raise Unclear("no Match condition")
        at, criterion = name.end(), Criterion(name[2].lower(), bool(name[1]))
        if criterion.name == "exec":
            return (*found, criterion._replace(argument=rest[at:]))
        if criterion.name not in _ALONE:
            argument = _ARGUMENT.match(rest, at)
            if criterion.name not in _WITH_ARGUMENT or argument is None:
                raise Unclear("an unknown Match condition")
            at, criterion = argument.end(), criterion._replace(argument=argument[1])
        found.append(criterion)
    if not found:
        raise Unclear("a Match without a condition")
    return tuple(found)
