"""What a host offers to programs in general: the ground that a build can stand on."""

from __future__ import annotations

from msgspec import Struct

from preflight.model.snapshot import Facts


class Platform(Struct, frozen=True):
    """One kind of program: for this machine, dynamically linked against this C library."""

    machine: str
    libc: str  # "glibc", "musl"
    interpreter: str


class Footing(Struct, frozen=True):
    """What programs of one platform find on one host; libraries by soname, with their versions."""

    platform: Platform
    release: str | None  # of the C library, None where its bytes do not say
    libraries: dict[str, tuple[str, ...]]
    files: dict[str, str] = {}  # by soname: the SHA-256 of the file


class Ground(Struct, frozen=True):
    """One host: its facts, and a footing for each platform whose programs it starts."""

    host: str
    facts: Facts
    footings: tuple[Footing, ...] = ()
