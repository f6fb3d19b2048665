"""
What the releases of the usual distributions bring: a table, and who is in it.

`debian.toml` is measured in real root file systems by ``python -m
docs.make_releases``; `cited.toml` is written by hand, and every row names its
sources.  What a row does not say is not known.  To add a release: a row there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

import msgspec
from msgspec import Struct, structs

_FILES = ("debian.toml", "cited.toml")
_TRAILING_VERSION = re.compile(r"[-.0-9]+$")


class Twin(Struct, frozen=True):
    """Another system built from the same sources, as its os-release names it."""

    name: str
    id: str
    version: str | None
    end_of_support: date | None = None


class Release(Struct, frozen=True, kw_only=True):
    """
    One release of one distribution, as its standard repositories have it.

    *version* is os-release's VERSION_ID, None where the release rolls.  A
    version *grows* where updates within the release raise it: it is the least
    that a host has.
    """

    name: str
    family: str  # under which it is shown
    id: str | None = None  # os-release's ID; None for an image that has another's
    version: str | None = None
    libc: Literal["glibc", "musl"] | None = None  # None: there is none
    libc_version: str | None = None
    gcc: str | None = None  # the release that its libstdc++ and libgcc come from
    grows: tuple[Literal["libc", "gcc"], ...] = ()
    kernel: str | None = None  # of its first installation; a container has its host's
    machines: tuple[str, ...]
    x86_level: str = "x86-64"  # what its own programs need of an x86-64 CPU
    end_of_support: date | None = None  # the last day of security updates for everybody
    sources: tuple[str, ...]  # addresses; "measured" where a real root was read
    nodes: dict[str, tuple[str, ...]] = {}  # by soname: the highest version of each kind
    libraries: dict[str, str] = {}  # soname → the package that brings it
    always: tuple[str, ...] = ()  # of these sonames: on every installation
    absent: tuple[str, ...] = ()  # sonames that no package of it brings
    surveyed: tuple[str, ...] = ()  # stems of which *libraries* has every soname
    closed: bool = False  # an image that nothing is installed into
    twins: tuple[Twin, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether it was read from a real root."""
        return "measured" in self.sources

    def lacks(self, soname: str) -> bool:
        """Whether it is known to have no package with *soname*."""
        known = self.closed or soname in self.absent or stem(soname) in self.surveyed
        return known and soname not in self.libraries


def stem(soname: str) -> str:
    """Return the name of a library without its versions: ``libssl``, ``libpython``."""
    return _TRAILING_VERSION.sub("", soname.partition(".so")[0])


@lru_cache(maxsize=1)
def releases() -> tuple[Release, ...]:
    """Return the whole table, in the order in which it is shown."""
    rows = [row for name in _FILES for row in _rows(name)]
    table = msgspec.convert(rows, tuple[Release, ...])
    families = list(dict.fromkeys(release.family for release in table))
    return tuple(sorted(table, key=lambda one: (families.index(one.family), *_age(one))))


def _age(release: Release) -> tuple[bool, tuple[int, ...]]:
    """Return a key that has the oldest release of a family first, and one that rolls last."""
    version = release.version
    return version is None, tuple(map(int, version.split("."))) if version else ()


def release_of(os_release_id: str | None, version_id: str | None) -> Release | None:
    """
    Return the release that os-release's ID and VERSION_ID name; None where it is not in the table.

    A point release counts as its release (``9.4`` as ``9``).  A twin comes
    with its own name and end of support.  Source: os-release(5).
    """
    own = [_named(release, twin) for release in releases() for twin in (None, *release.twins)]
    same = [release for release in own if release.id is not None and release.id == os_release_id]
    for release in same:
        if release.version is not None and _covers(release.version, version_id):
            return release
    rolling = [release for release in same if release.version is None]
    return rolling[0] if rolling and (version_id is None or rolling == same) else None


def _named(release: Release, twin: Twin | None) -> Release:
    return structs.replace(release, **structs.asdict(twin)) if twin else release


def _covers(release: str, version: str | None) -> bool:
    return version is not None and (version == release or version.startswith(f"{release}."))


def _rows(name: str) -> list[dict[str, Any]]:
    text = files(__package__).joinpath(name).read_text("utf-8")
    document: Mapping[str, Any] = tomllib.loads(text)
    common = {key: value for key, value in document.items() if key != "release"}
    nodes = common.get("nodes", {})
    return [common | row | {"nodes": nodes | row.get("nodes", {})} for row in document["release"]]
