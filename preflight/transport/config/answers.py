"""What ``ssh -G`` says of one host, or of all hosts of a class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

_PATH_LISTS = {"userknownhostsfile", "globalknownhostsfile"}


class Question(Struct, frozen=True):
    """
    What ssh is asked, in the terms of its command line.

    *proxy* says who decides on the way: the configuration, or the inventory or
    an option, which have the host reached directly or through a jump host.
    """

    name: str
    user: str | None = None
    port: int | None = None
    address: str | None = None  # HostName, where the inventory says it
    proxy: Literal["config", "direct", "jump"] = "config"


class Answer(Struct, frozen=True):
    """Values by keyword, in lower case as ``ssh -G`` prints them; tokens may be in them."""

    values: Mapping[str, tuple[str, ...]]

    def one(self, keyword: str) -> str | None:
        """Return the value of a keyword that has one, None where it is not set."""
        found = self.values.get(keyword)
        return found[0] if found else None

    def all(self, keyword: str) -> tuple[str, ...]:
        """Return the values of a keyword that may have several; "none" is no value."""
        found = self.values.get(keyword, ())
        return () if [word.lower() for word in found] == ["none"] else found

    def names(self, keyword: str) -> tuple[str, ...]:
        """Return the names of a list with commas."""
        return tuple((self.one(keyword) or "").split(",")) if self.one(keyword) else ()

    def is_on(self, keyword: str, *, otherwise: bool = False) -> bool:
        """Whether a switch is on; *otherwise* where it is not set."""
        value = self.one(keyword)
        return otherwise if value is None else value.lower() not in {"no", "false"}

    def with_values(self, **values: str) -> Answer:
        """Return the answer with other values."""
        return Answer({**self.values, **{name: (value,) for name, value in values.items()}})


def parse(output: str, spaced: re.Pattern[str] | None) -> Answer:
    """
    Return the answer that ``ssh -G`` printed.

    It separates paths by blanks and quotes nothing: *spaced* matches the paths
    with a blank in them that may stand there.
    """
    values: dict[str, list[str]] = {}
    for line in output.split("\n"):
        keyword, _, value = line.partition(" ")
        values.setdefault(keyword.lower(), []).append(value)
    for keyword in _PATH_LISTS & values.keys():
        values[keyword] = _split(values[keyword][0], spaced)
    return Answer({keyword: tuple(found) for keyword, found in values.items()})


def _split(value: str, spaced: re.Pattern[str] | None) -> list[str]:
    paths = []
    while value:
        whole = spaced and spaced.match(value)
        path = whole[0] if whole else value.partition(" ")[0]
        paths.append(path)
        value = value[len(path) + 1 :]
    return paths
