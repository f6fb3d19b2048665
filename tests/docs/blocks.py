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
_INDENTED = re.compile(r"\n\n(?:    |\t).*")
_NAMED = re.compile(r"\A(?:#!.*\n)?# ([\w./-]+)")
# A command of a shell goes on in the lines that are indented, one behind "$ " is one line.
_OF_SHELL = re.compile(r"^\S.*\n(?:[ \t]+.*\n)*", re.MULTILINE)
_OF_CONSOLE = re.compile(r"^\$ (.*\n)((?:(?!\$ ).*\n)*)", re.MULTILINE)


class Block(NamedTuple):
    """One fenced block: where it stands, its language and its text."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that the block shows: its first comment is the name."""
        found = _NAMED.match(self.text)
        return found[1] if found else None


class Command(NamedTuple):
    """A command, or code of Python: where it stands, and what it says; None: that is not shown."""

    place: str
    language: str
    text: str
    shown: str | None = None


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    text = page.read_text("utf-8")
    for found in _FENCED.finditer(text):
        yield Block(page, text.count("\n", 0, found.start()) + 2, found[1], found[2])


def indented(page: Path) -> list[str]:
    """Return the first lines of blocks that are indented instead of fenced."""
    return [found.strip() for found in _INDENTED.findall(_FENCED.sub("", page.read_text("utf-8")))]


def commands(page: Path) -> Iterator[Command]:
    """Yield what a page has a reader run, in order; files that it shows are none of it."""
    for block in blocks(page):
        place = f"{page.relative_to(PROJECT)}:{block.line}"
        if block.file:
            continue
        if block.language == "console":
            for found in _OF_CONSOLE.finditer(block.text):
                yield Command(place, "sh", found[1].strip(), found[2])
        elif block.language == "sh":
            for found in _OF_SHELL.finditer(block.text):
                yield Command(place, "sh", found[0].strip())
        elif block.language == "python":
            yield Command(place, "python", block.text)


def files(page: Path) -> dict[str, str]:
    """Return the files that a page shows."""
    return {block.file: block.text for block in blocks(page) if block.file}
