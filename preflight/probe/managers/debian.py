"""
What dpkg and apt have on disk.

dpkg knows what the installed packages hold; of others apt's lists tell the
name and the version, and only Contents indices (apt-file's) what is in them.
Source: dpkg-query(1), deb-symbols(5), deb-shlibs(5), apt-cache(8),
https://wiki.debian.org/DebianRepository/Format, "Contents" indices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from preflight.model.question import Offer, Offers, Package
from preflight.probe.managers.said import Said, alike

_CONTROL = re.compile(r".*/info/([^/]+)\.(?:symbols|shlibs):(?:[a-z]+: )?(\S+) (\S+).*")
_ARCH = re.compile(r"[a-z0-9-]+")
_CANDIDATE = "  Candidate: "
# Where the loader looks without being told; a library elsewhere is a plug-in or private.
_DIRECTORY = re.compile(r"(/usr)?/lib(32|64|x32)?(/[a-z0-9_]+-linux-[a-z0-9]+)?/")

_Relation = Literal["provides", "owns", "named"]


def read(question: Package, said: Said) -> Offers:
    """Return what *said* tells about *question*."""
    known = _Known(said, question)
    offers: dict[str, Offer] = {}
    for name, relation, source in known.names():
        if name not in offers and (offer := known.offer(name, relation, source)):
            offers[name] = offer
    return Offers(
        manager="apt-get",
        packages=tuple(offers.values()),
        read=known.read,
        exact=known.exact,
        reason=known.reason(),
    )


class _Known:
    """What was said, for one question; names lack the architecture that is dpkg's own."""

    def __init__(self, said: Said, question: Package) -> None:
        self._said = said
        self._question = question
        self._arches = [line for line in said.lines("arch") if _ARCH.fullmatch(line)] or [""]
        arches = (guess.partition(":")[2] for guess in question.guesses)
        self._arch = next(filter(None, arches), self._arches[0])
        self.read = "lists" in said.titles
        contents = {_arch_of(title) for title in said.titles.get("contents", ())}
        self.exact = self._arch in contents
        self._installed = {
            self._short(name): version
            for name, version, status in said.rows("installed", 3)
            if status == "installed"
        }
        self._candidates = dict(self._policies())

    def names(self) -> Iterator[tuple[str, _Relation, str]]:
        """Yield packages, their relation to the question and who says so, the surest first."""
        if self._question.version:
            yield from ((name, "owns", "dpkg") for name in self._owners(self._question.file))
            return
        for name in self._holders():
            yield self._qualified(name), "provides", "dpkg"
        for name in self._listed():
            yield self._qualified(name), "provides", "apt contents"
        for guess in self._question.guesses:
            yield self._short(guess), "named", "apt lists"

    def offer(self, name: str, relation: _Relation, source: str) -> Offer | None:
        """Return the package *name*, None where neither dpkg nor apt knows it."""
        installed, candidate = self._installed.get(name), self._candidates.get(name)
        if installed is None and candidate is None:
            return None
        return Offer(name, relation, source, installed, candidate)

    def reason(self) -> str:
        """Return why there is no telling what could be installed, "" where there is."""
        if self._arch not in self._arches:
            return f"dpkg was not told of {self._arch} there: dpkg --add-architecture {self._arch}"
        return "" if self.read else "apt has no lists there: apt-get update makes them"

    def _policies(self) -> Iterator[tuple[str, str]]:
        """Yield candidates; without lists apt has none to offer but what is installed."""
        name = ""
        for line in self._said.lines("policy") if self.read else ():
            if not line.startswith(_CANDIDATE):
                name = line.removesuffix(":")
            elif (version := line.removeprefix(_CANDIDATE)) != "(none)":
                yield self._short(name), version

    def _short(self, name: str) -> str:
        return name.removesuffix(f":{self._arches[0]}").removesuffix(":all")

    def _qualified(self, name: str) -> str:
        bare = name.partition(":")[0]
        plain = bare in self._installed and self._question.name.startswith("/")
        return bare if plain else self._short(f"{bare}:{self._arch}")

    def _owners(self, path: str) -> Iterator[str]:
        for line in self._said.lines("owners"):
            names, _, where = line.partition(": ")
            if alike(where, path) and not names.startswith("diversion"):
                yield from (self._short(name) for name in names.split(", "))

    def _holders(self) -> Iterator[str]:
        """Yield the installed packages that hold the library or file."""
        if self._question.name.startswith("/"):
            yield from self._owners(self._question.name)
            return
        for line in self._said.lines("symbols"):
            if (found := _CONTROL.fullmatch(line)) is None:
                continue
            if self._question.name in (found[2], f"{found[2]}.so.{found[3]}"):
                yield found[1]

    def _listed(self) -> Iterator[str]:
        """Yield the packages that, by the Contents, hold it where a loader looks."""
        name = self._question.name
        for title, line in self._said.sections.get("contents", ()):
            words = line.split()
            if len(words) < 2 or _arch_of(title) not in (self._arch, "all"):
                continue
            where = "/" + line[: line.rindex(words[-1])].rstrip()
            is_it = alike(where, name) if name.startswith("/") else _is_library(where, name)
            if is_it:
                yield from (owner.rpartition("/")[2] for owner in words[-1].split(","))


def _arch_of(title: str) -> str:
    """Return the architecture of an index: "amd64" of "amd64.lz4"."""
    return title.partition(".")[0]


def _is_library(path: str, soname: str) -> bool:
    return path.endswith(f"/{soname}") and (
        _DIRECTORY.fullmatch(path.removesuffix(soname)) is not None
    )
