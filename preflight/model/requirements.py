"""What a binary that is to be shipped needs: the result of the analysis."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Literal

from msgspec import Struct, structs

from preflight.model.elf import DT_NEEDED, Dependency, Elf
from preflight.model.foreign import Foreign
from preflight.model.go import GoBuild, GoLinkage
from preflight.model.need import Need
from preflight.model.runtime import RunTimeNeed
from preflight.model.toolchain import Toolchain

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
    glibcxx_steps: tuple[GlibcStep, ...] = ()  # the same of libstdc++'s GLIBCXX_
    libc: Literal["glibc", "musl"] | None = None
    go: GoBuild | None = None
    go_linkage: GoLinkage | None = None  # of a Go program for Linux
    go_level: str | None = None  # "x86-64-v3": what a Go program's own runtime asks of the CPU
    x86_isa_needed: str | None = None  # "x86-64-v3": a whole level, from the ISA note
    toolchain: tuple[Toolchain, ...] = ()  # by the file's own word, in its order
    runtime_needs: tuple[RunTimeNeed, ...] = ()  # advice: what no header names
    payload: str | None = None  # what carries more programs behind its ELF file: "PyInstaller"
    beside: str | None = None  # where its payload lies, not in the file: "_internal"
    opened_by: str | None = None  # of a member: the path of the program in it that opens it
    foreign: Foreign | None = None  # of a program for another system or a virtual machine
    inner: str | None = None  # of a member: its path in the bundle, "bin/app"
    bundle: Bundle | None = None  # of a directory or an archive that holds programs
    needs: tuple[Need, ...] = ()  # of a manifest: no binary, and what the application needs besides

    @property
    def members(self) -> tuple[Requirements, ...]:
        """What is judged of a bundle, none of a program."""
        return () if self.bundle is None else self.bundle.members


def with_members(requirements: Iterable[Requirements]) -> tuple[Requirements, ...]:
    """Return *requirements*, each bundle with its members behind it."""
    return tuple(one for needed in requirements for one in (needed, *needed.members))


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

    @cached_property
    def openers(self) -> dict[str, Requirements]:
        """The programs by path that open others, each with the libraries that it opened first."""
        paths = {member.opened_by for member in self.members}
        return {m.inner: self._opening(m) for m in self.members if m.inner and m.inner in paths}

    def _opening(self, program: Requirements) -> Requirements:
        """Return *program* as PyInstaller's boot loader is, once it has opened libpython."""
        elf = program.elf
        if program.beside is None or elf is None:
            return program
        folder = posixpath.join(posixpath.dirname(program.inner or ""), program.beside)
        names = (n for n in self.names(folder) if n.startswith("libpython"))
        opened = tuple(Dependency(DT_NEEDED, name) for name in names)
        opening = structs.replace(elf, dependencies=(*elf.dependencies, *opened))
        return structs.replace(program, elf=opening)

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
