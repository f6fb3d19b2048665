"""What a loader is given, and what it leaves: the data that both libcs share."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from msgspec import Struct

from preflight.model.elf import Elf
from preflight.model.inquiry import Inquiry
from preflight.model.snapshot import Facts
from preflight.model.start import Start
from preflight.model.verdict import Step


class Plugin(Struct, frozen=True, kw_only=True):
    """
    A library that a program opens with dlopen(3), once it runs.

    *name* is what it hands to dlopen, with a slash in it; *path* is where that
    lies from the root, None where nobody said.  *now* says RTLD_NOW.
    """

    name: str
    path: str | None
    elf: Elf
    now: bool = False


class Setting(Struct, frozen=True, kw_only=True):
    """
    One program about to be started by one loader on one host.

    *path* is the program's canonical path (what /proc/self/exe names), None
    where nobody said where it lies; *argv0* is how messages call it.
    """

    program: Elf
    argv0: str
    path: str | None
    interpreter: str  # PT_INTERP, as the program writes it
    loader: Elf
    loader_id: tuple[int, int]  # (device, inode) of the interpreter
    inquiry: Inquiry
    start: Start
    facts: Facts
    plugin: Plugin | None = None


class Object(Struct, frozen=True, kw_only=True):
    """One loaded object (a link_map), in load order; the program is the first."""

    name: str  # what it was first asked for as; "" for the program
    path: str  # l_name; the program's is its argv[0]
    elf: Elf
    names: tuple[str, ...]  # every name that it answers to without its soname
    rule: str
    needed_by: tuple[str, ...]
    preloaded: bool = False
    depends: tuple[int, ...] = ()  # the places of what it needs in the load order
    opened: bool = False  # came with the plugin


MissKind = Literal["missing", "unusable", "noexec"]


class Miss(Struct, frozen=True, kw_only=True):
    """A library that was not found, or found and refused."""

    name: str
    needed_by: str
    kind: MissKind
    subject: str  # what the loader names in its line: the soname, or a path
    message: str  # the loader's words about the subject
    tried: tuple[Step, ...]
    fatal: bool = True  # False: a preload, which the loader only complains about


class Doubt(Struct, frozen=True):
    """Something that could not be settled with the answers at hand."""

    subject: str
    needed_by: str | None
    reason: str
    late: bool = False  # it matters only once every library is loaded


class Ending(Enum):
    """How a failed start ends, where it is not the loader's ordinary error."""

    ERROR = 127
    VERSION = 1
    BUS = 135
    SEGV = 139


class Resolution(Struct, frozen=True, kw_only=True):
    """
    What the loader found.

    *lines* is what it prints on standard error while loading, in order,
    fatal lines included; only the first fatal one would really appear.
    """

    family: Literal["glibc", "musl"]
    release: tuple[int, int] | None
    objects: tuple[Object, ...] = ()
    misses: tuple[Miss, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    lines: tuple[str, ...] = ()
    ending: Ending = Ending.ERROR
