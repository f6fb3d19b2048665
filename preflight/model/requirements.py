"""What a binary that is to be shipped needs: the result of the analysis."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import Literal

from msgspec import Struct

from preflight.model.elf import Elf
from preflight.model.go import GoBuild, GoLinkage
from preflight.model.need import Need

Format = Literal[
    "elf",
    "script",
    "pe",
    "mach-o",
    "archive",
    "directory",
    "manifest",
    "wasm",
    "java",
    "text",
    "empty",
    "unknown",
]


class GlibcFloor(Struct, frozen=True):
    """The oldest glibc release that offers every version needed, and the symbols that force it."""

    version: str
    symbols: tuple[str, ...]


class GlibcStep(Struct, frozen=True):
    """One release whose versions are needed: without these symbols the floor sinks below it."""

    version: str
    symbols: tuple[str, ...]  # the first few, sorted
    count: int  # of all of them


class Requirements(Struct, frozen=True, kw_only=True):
    """
    What one binary needs.

    *elf* is None for every other format; *description* is one plain sentence
    ("a PE32+ program for x86-64 Windows").
    """

    id: str  # "b1"; unique in a report
    path: str  # as given
    name: str  # the last part of the path: what it will be called when installed
    sha256: str
    size_bytes: int
    format: Format
    description: str
    head: bytes = b""  # the first 256 bytes: what the kernel's handlers are matched with
    elf: Elf | None = None
    member_of: str | None = None
    glibc_floor: GlibcFloor | None = None
    glibc_steps: tuple[GlibcStep, ...] = ()  # the newest first
    libc: Literal["glibc", "musl"] | None = None
    go: GoBuild | None = None
    go_linkage: GoLinkage | None = None  # of a Go program for Linux
    go_level: str | None = None  # "x86-64-v3": what a Go program's own runtime asks of the CPU
    x86_isa_needed: str | None = None  # "x86-64-v3": a whole level, from the ISA note
    payload: str | None = None  # what carries more programs behind its ELF file: "PyInstaller"
    inner: str | None = None  # of a member: its path in the bundle, "bin/app"
    bundle: Bundle | None = None  # of a directory or an archive that holds programs
    needs: tuple[Need, ...] = ()  # of a manifest: no binary, and what the application needs besides


class Entry(Struct, frozen=True, kw_only=True):
    """One name in a bundle; links are not followed."""

    path: str  # from the bundle's root on, without "." and ".."; "" is the root itself
    kind: Literal["file", "directory", "symlink", "other"]
    number: int  # of the file; hard links to it have the same
    mode: int = 0o755  # permission bits
    size_bytes: int = 0
    head: bytes = b""
    target: str = ""  # of a symbolic link, as it is written
    member: int | None = None  # place in `Bundle.members` of what is judged


class Bundle(Struct, frozen=True, kw_only=True, dict=True):
    """What lies in a directory or an archive; *members* are what is judged of it."""

    entries: tuple[Entry, ...]
    members: tuple[Requirements, ...]
    root: str | None = None  # where its format has it unpacked, whatever the user says
    temporary: bool = False  # the program unpacks it itself, to $TMPDIR or /tmp, at each start

    @cached_property
    def index(self) -> dict[str, Entry]:
        """The entries by path."""
        return {entry.path: entry for entry in self.entries}

    def names(self, directory: str) -> tuple[str, ...]:
        """Return the names in one of its directories."""
        return tuple(self._names[directory])

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = defaultdict(list)
        for entry in self.entries:
            if entry.path:
                directory, _, name = entry.path.rpartition("/")
                names[directory].append(name)
        return names
