"""Snapshots, programs and answers for judging without a host."""

from __future__ import annotations

import struct
from typing import Any

from msgspec import structs

from preflight.model.elf import (
    DT_NEEDED,
    EM_X86_64,
    ET_DYN,
    PT_DYNAMIC,
    PT_LOAD,
    Dependency,
    Elf,
    LoaderIdentity,
    NeededVersion,
    Segment,
    VersionDef,
    VersionNeed,
)
from preflight.model.question import (
    Absent,
    Answer,
    ElfContent,
    FileState,
    Question,
    ReadElf,
)
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Facts, Snapshot

LOADER = "/lib64/ld-linux-x86-64.so.2"
FACTS = Facts(
    system="Linux",
    machine="x86_64",
    kernel="6.1.0",
    cpu_level="x86-64-v2",
    page_size=4096,
    at_platform=True,
    mounts=(),
    binfmt=(),
    ia32=True,
    proc_mounted=True,
    user="root",
)
_IDENT = b"\x7fELF\x02\x01\x01" + b"\0" * 9
_SEGMENTS = (
    Segment(PT_LOAD, 5, 0, 0, 4096, 4096, 4096),
    Segment(PT_DYNAMIC, 6, 256, 256, 256, 256, 8),
)


def head(machine: int = EM_X86_64, count: int = 2) -> bytes:
    """Return the header of a 64-bit shared object with *count* program headers."""
    rest = struct.pack("<HHIQQQIHHHHHH", ET_DYN, machine, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0)
    return _IDENT + rest


def elf(*needed: str, **fields: Any) -> Elf:
    """Return a well-formed x86-64 shared object that needs *needed*."""
    values: dict[str, Any] = {
        "size_bytes": 4096,
        "head": head(count=len(fields.get("segments", _SEGMENTS))),
        "bits": 64,
        "type": ET_DYN,
        "machine": EM_X86_64,
        "phentsize": 56,
        "segments": _SEGMENTS,
        "has_dynamic": True,
        "dependencies": tuple(Dependency(DT_NEEDED, name) for name in needed),
    }
    return Elf(**(values | fields))


def program(*needed: str, **fields: Any) -> Elf:
    """Return an executable for glibc's loader."""
    return elf(*needed, **({"interpreter": LOADER} | fields))


def loader(release: str = "2.36", **fields: Any) -> Elf:
    """Return glibc's loader of one release."""
    identity = LoaderIdentity(
        "glibc",
        release,
        None,
        ("/lib/", "/usr/lib/"),
        ("x86-64-v4", "x86-64-v3", "x86-64-v2"),
        "/etc/ld.so.cache",
        "/etc/ld.so.preload",
    )
    return elf(**({"soname": "ld-linux-x86-64.so.2", "identity": identity} | fields))


def wants(library: str, *versions: str, weak: bool = False) -> tuple[VersionNeed, ...]:
    """Return the version needs of one library."""
    needed = tuple(NeededVersion(name, weak, number) for number, name in enumerate(versions, 2))
    return (VersionNeed(library, needed),)


def defines(*versions: str) -> tuple[VersionDef, ...]:
    """Return version definitions."""
    return tuple(VersionDef(name, number, False) for number, name in enumerate(versions, 2))


def requirements(image: Elf | None, **fields: Any) -> Requirements:
    """Return the requirements of a program called "app"."""
    values: dict[str, Any] = {
        "id": "b1",
        "path": "dist/app",
        "name": "app",
        "sha256": "0" * 64,
        "size_bytes": 4096,
        "format": "elf",
        "description": "a program",
        "elf": image,
        "libc": "glibc",
    }
    return Requirements(**(values | fields))


def state(inode: int = 1, mode: int = 0o100755, real: str = "/x") -> FileState:
    """Return the state of a file."""
    return FileState(mode, 0, 0, 1, inode, 4096, 0, 0, real)


def files(images: dict[str, Elf]) -> dict[Question, Answer]:
    """Return answers for a host that has *images* at these paths, and a glibc 2.36."""
    everything = {LOADER: loader()} | images
    answers: dict[Question, Answer] = {
        ReadElf(path): ElfContent(state(number, real=path), "", image)
        for number, (path, image) in enumerate(everything.items(), 10)
    }
    return answers


class Elsewhere(dict[Question, Answer]):
    """Answers in which everything that is not named is absent."""

    def get(self, key: Question, default: Any = None) -> Any:
        """Return the answer to *key*: absent unless it is named."""
        del default
        return super().get(key, Absent())


def snapshot(answers: dict[Question, Answer] | None = None, **fields: Any) -> Snapshot:
    """Return a probed host; every other path is absent."""
    facts = structs.replace(FACTS, **fields.pop("facts", {}))
    values: dict[str, Any] = {
        "host": "web-1",
        "address": "127.0.0.1",
        "status": "probed",
        "facts": facts,
        "answers": Elsewhere(answers if answers is not None else files({})),
    }
    return Snapshot(**(values | fields))
