"""The examples of the manual as the tests take them out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
PAGES = [PROJECT / "README.md", *sorted(DOCS.glob("*.md"))]
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"\A(?:#!.*\n)?# ([\w./-]+)")


class Block(NamedTuple):
    """One fenced block: where it stands, its language and its text."""

    page: Path
    line: int
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    text = page.read_text("utf-8")
    for found in _FENCED.finditer(text):
        yield Block(page, text.count("\n", 0, found.start()) + 2, found[1], found[2])


def files(page: Path) -> dict[str, str]:
    """Return the files that a page shows: blocks whose first comment is a file's name."""
    named = ((_NAMED.match(block.text), block.text) for block in blocks(page))
    return {found[1]: text for found, text in named if found}
