"""
What a check may ask of a host, and the four kinds of answer.

An answer is present (`FileState`, `ElfContent`, `BytesContent`, `Listing`, `Offers`, `Said`),
`Absent` (looked, and it is not there), `Failed` (looked, and the host said
why not) or `NOT_ASKED`.  These are four different things and stay so.
"""

from __future__ import annotations

import enum
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from preflight.model.elf import Elf


class Stat(Struct, frozen=True, tag="stat"):
    """What lies at this absolute path, symbolic links followed?"""

    path: str


class ReadElf(Struct, frozen=True, tag="elf"):
    """What does the file at this absolute path hold, read as an ELF file?"""

    path: str


class ReadBytes(Struct, frozen=True, tag="bytes"):
    """What does the (small) file at this absolute path hold?"""

    path: str


class List(Struct, frozen=True, tag="list"):
    """Which names stand in the directory at this absolute path?"""

    path: str


class Ask(Struct, frozen=True, tag="ask"):
    """What does the host say to this?  *topic* is a function ``ask_TOPIC`` of the probe script."""

    topic: str
    words: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """How it is called, and where it stands among paths."""
        return " ".join((self.topic, *self.words))


class Package(Struct, frozen=True, tag="package"):
    """
    Which package has the library or file *name*, by what the host's package manager has on disk?

    Asked for the sake of a remedy alone: no verdict hangs on it.
    """

    name: str  # a soname, or an absolute path
    bits: int = 64  # of the program that needs it: 32 or 64
    version: str = ""  # the version node that its file lacks: "GLIBC_2.38"
    file: str = ""  # where the loader found the library that lacks it
    guesses: tuple[str, ...] = ()  # what the package may be called


# What verdicts hang on: nearly always a file.
FileQuestion: TypeAlias = Stat | ReadElf | ReadBytes | List | Ask
Question: TypeAlias = FileQuestion | Package


class FileState(Struct, frozen=True, tag="file-state"):
    """stat(2) of a path, links followed; *real* is realpath(3), "" where the host cannot tell."""

    mode: int  # st_mode, type bits included
    uid: int
    gid: int
    device: int  # -1 where the host has no stat(1)
    inode: int
    size_bytes: int
    mtime_s: int
    ctime_s: int
    real: str

    @property
    def kind(self) -> Literal["file", "directory", "other"]:
        """The file's type, by its mode."""
        fmt = self.mode & 0o170000
        return "file" if fmt == 0o100000 else "directory" if fmt == 0o040000 else "other"


class ElfContent(Struct, frozen=True, tag="elf-content"):
    """A file's content, read as ELF; *sha256* is "" where the file was read in ranges."""

    state: FileState
    sha256: str
    elf: Elf


class BytesContent(Struct, frozen=True, tag="bytes-content"):
    """A small file's content."""

    state: FileState
    sha256: str
    data: bytes


class Listing(Struct, frozen=True, tag="listing"):
    """The names in a directory, without "." and "..", in no order."""

    names: tuple[str, ...]


class Said(Struct, frozen=True, tag="said"):
    """What a host says, as its tools print it."""

    text: str


class Offer(Struct, frozen=True):
    """
    One package that a host's package manager knows; the versions are None where it has none.

    It *provides* what is asked for, or *owns* the file that there is of it, by
    the manager's own word; or it only is *named* as asked.
    """

    name: str  # with Debian's architecture where it is not the host's own: "libssl3:i386"
    relation: Literal["provides", "owns", "named"]
    source: str  # "apt lists", "dpkg", "rpm database", "dnf cache", "apk index" ...
    installed: str | None = None
    candidate: str | None = None


class Offers(Struct, frozen=True, tag="offers"):
    """What the package manager knows; no package at all: none in its lists, if they were *read*."""

    manager: str  # the command that installs: "apt-get", "dnf", "zypper", "apk" ...
    packages: tuple[Offer, ...] = ()
    read: bool = True  # whether there were lists of what may be installed
    exact: bool = True  # whether these lists tell what a package has, not only its name
    reason: str = ""  # why there is no telling offline


class Absent(Struct, frozen=True, tag="absent"):
    """Looked, and it is not there: ENOENT, or ENOTDIR on the way."""

    errno: str = "ENOENT"


class Failed(Struct, frozen=True, tag="failed"):
    """Looked, and could not be read: the errno's name, or the host's own words."""

    errno: str


class NotAsked(enum.Enum):
    """The type of `NOT_ASKED`: nobody has looked."""

    NOT_ASKED = "not-asked"


NOT_ASKED: Final = NotAsked.NOT_ASKED

Answer: TypeAlias = (
    FileState | ElfContent | BytesContent | Listing | Offers | Said | Absent | Failed
)
StatAnswer: TypeAlias = FileState | Absent | Failed | NotAsked
ElfAnswer: TypeAlias = ElfContent | Absent | Failed | NotAsked
BytesAnswer: TypeAlias = BytesContent | Absent | Failed | NotAsked
Heard: TypeAlias = Said | Absent | Failed
SaidAnswer: TypeAlias = Heard | NotAsked
ListAnswer: TypeAlias = Listing | Absent | Failed | NotAsked
PackageAnswer: TypeAlias = Offers | Failed | NotAsked
