"""One local file, opened, hashed and recognised."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from preflight.analyze.buildinfo import amd64_level, go_build
from preflight.analyze.formats import Found, detect
from preflight.analyze.golinkage import go_linkage
from preflight.analyze.needs import describe, glibc_floor, glibc_steps, libc, x86_isa_needed
from preflight.elf import FileSource, read
from preflight.errors import BinaryError
from preflight.model.elf import Elf
from preflight.model.requirements import Requirements

_HEAD_BYTES = 256  # BINPRM_BUF_SIZE of the Linux kernel
_MAY_BE_GO = ("elf", "pe", "mach-o")
_HINT = "give the path of a program or a library that lies on this machine"
_KINDS = {
    stat.S_IFDIR: "is a directory",
    stat.S_IFIFO: "is a named pipe",
    stat.S_IFCHR: "is a device",
    stat.S_IFBLK: "is a device",
    stat.S_IFSOCK: "is a socket",
}


def analyze(
    path: str | os.PathLike[str],
    id: str = "b1",  # noqa: A002
    name: str | None = None,
) -> Requirements:
    """
    Return what the file at *path* is and needs.

    *id* is the report's, *name* what it will be called when installed (the
    last part of *path*).  Every regular file has an answer; raises
    `BinaryError` for a path that is none, or cannot be read.
    """
    path = os.fspath(path)
    try:
        _check_regular(path, os.stat(path))  # noqa: PTH116 - *path* stays as given
        return _analyze(path, id, Path(path).name if name is None else name)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BinaryError(f"{path}: {reason}", _HINT) from error
    except ValueError as error:  # a NUL in the path
        raise BinaryError(f"{path!r}: no such file or directory", _HINT) from error


def _check_regular(path: str, state: os.stat_result) -> None:
    """Refuse what is no regular file before it is opened: a pipe would block."""
    if not stat.S_ISREG(state.st_mode):
        kind = _KINDS.get(stat.S_IFMT(state.st_mode), "is no regular file")
        hint = "name the program in it" if stat.S_ISDIR(state.st_mode) else _HINT
        raise BinaryError(f"{path}: {kind}", hint)


def _analyze(path: str, identifier: str, name: str) -> Requirements:
    with Path(path).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        source = FileSource(file)
        head = source.read(0, _HEAD_BYTES)
        elf = read(source)
        found = _elf_found(elf) or detect(source, name)
        go = go_build(source, elf) if found.format in _MAY_BE_GO else None
        linkage = go_linkage(source, elf, go) if go and found.format == "elf" else None
    shipped = elf if found.format == "elf" else None
    return Requirements(
        id=identifier,
        path=path,
        name=name,
        sha256=sha256,
        size_bytes=source.size_bytes,
        format=found.format,
        description=found.description,
        head=head,
        elf=shipped,
        glibc_floor=glibc_floor(shipped) if shipped else None,
        glibc_steps=glibc_steps(shipped) if shipped else (),
        libc=libc(shipped) if shipped else None,
        go=go,
        go_linkage=linkage,
        go_level=amd64_level(go),
        x86_isa_needed=x86_isa_needed(shipped) if shipped else None,
    )


def _elf_found(elf: Elf) -> Found | None:
    return Found("elf", describe(elf)) if elf.head.startswith(b"\x7fELF") else None
