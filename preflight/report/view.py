"""How a report is to be shown: what the command line knows and a format may not find out itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from preflight.model.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The reader's wishes and the terminal's abilities."""

    explain: bool = False  # the libraries of each verdict, with the rule that found them
    verbosity: int = 0  # -1: failures and the summary alone; 1: nothing is cut short
    color: bool = False  # False: not one escape sequence
    unicode: bool = True  # False: every character shown is ASCII
    width: int = 80  # columns


# Yields text to be written one piece after the other; the last one ends in a newline.
Format: TypeAlias = Callable[[Report, View], Iterator[str]]
