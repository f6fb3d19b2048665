"""What the script printed, in sections; every line may also be a complaint of some tool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from preflight.model.evr import newest


class Said(NamedTuple):
    """The titles with their details, in order, and each section's lines with its detail."""

    titles: dict[str, list[str]]
    sections: dict[str, list[tuple[str, str]]]

    @classmethod
    def of(cls, lines: Iterable[str]) -> Said:
        """Sort *lines*: ``= TITLE DETAIL`` begins a section."""
        said = cls({}, {})
        title = detail = ""
        for line in lines:
            if line.startswith("= "):
                title, _, detail = line[2:].partition(" ")
                said.titles.setdefault(title, []).append(detail)
            elif line:
                said.sections.setdefault(title, []).append((detail, line))
        return said

    @property
    def manager(self) -> str:
        """Who was asked, by the command that installs."""
        return self.titles.get("manager", [""])[0]

    def lines(self, title: str) -> list[str]:
        """Return the lines of all sections called *title*."""
        return [line for _, line in self.sections.get(title, ())]

    def rows(self, title: str, cells: int) -> Iterator[list[str]]:
        """Yield the lines that have so many cells."""
        for line in self.lines(title):
            if len(row := line.split("\t")) == cells:
                yield row

    def versions(self, title: str, key: str) -> dict[str, str]:
        """Return the newest version of each package that a section of ``KEY NAME VERSION ARCH``
        lists under *key*.
        """
        found: dict[str, list[str]] = {}
        for cell, name, version, _ in self.rows(title, 4):
            if cell == key:
                found.setdefault(name, []).append(version)
        return {name: newest(versions) for name, versions in found.items()}


def alike(one: str, other: str) -> bool:
    """Return whether two paths are one where /lib is a link to /usr/lib."""
    return one.removeprefix("/usr") == other.removeprefix("/usr")
