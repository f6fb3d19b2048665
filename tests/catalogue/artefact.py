"""What an artefact is: where it comes from, how it starts, and what inspect must say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

# Whose machine code a host of the fleet runs, and by which of its own loaders.
HOSTS = ("bullseye", "bookworm", "trixie", "sid", "i386", "musl", "arm64")


class Built(Struct, frozen=True):
    """Made by a shell *command* that turns the files *sources* into the one called `out`."""

    command: str
    sources: Mapping[str, str]
    needs: tuple[str, ...] = ()  # commands without which it cannot be made


class Rooted(Struct, frozen=True):
    """A file of a root that is built anyway; *path* is relative and may be a pattern."""

    root: str
    path: str


class Fetched(Struct, frozen=True):
    """A file that `tests.hosts.artefacts` fetches, by its beginning and end."""

    kind: Literal["wheels", "node-packages", "debs"]
    pattern: str


class Here(Struct, frozen=True):
    """A file of this machine; a pattern, relative to the directory of a Python package or /."""

    pattern: str
    package: str | None = None


Source = Built | Rooted | Fetched | Here


class Says(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    What inspect must say; None and () where it has to say nothing.

    *isa* is a level above the first one; *members* counts what is judged of a
    bundle; *toolchain* names all that is told of it, in order; *foreign* names
    the machines and the system of what runs elsewhere.
    """

    format: str = "elf"
    machine: str | None = "x86_64"
    kind: str | None = "executable"
    libc: str | None = "glibc"
    floor: str | None = None
    needed: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    soname: str | None = None
    isa: str | None = None
    go: str | None = None  # the linkage
    toolchain: tuple[str, ...] = ()
    members: int = 0
    foreign: tuple[str, ...] = ()


ROLLING = ("floor", "needed", "runpath", "toolchain", "members")


class Artefact(Struct, frozen=True, kw_only=True):
    """One thing that is shipped; *argv* follows the program when it is started for real."""

    name: str
    source: Source
    says: Says
    rolling: bool = False  # changes with what it is made of: `ROLLING` is readelf's to say
    argv: tuple[str, ...] = ()
    starts: str | None = None  # of a bundle: the program in it that is started
    undecided: tuple[str, ...] = ()  # hosts where the verdict is "unknown", by the program's nature

    @property
    def is_package(self) -> bool:
        """Whether a package manager installs it, from / on."""
        return self.name.startswith("deb-") or self.name.endswith(".rpm")
