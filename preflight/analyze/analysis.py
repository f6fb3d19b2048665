"""One local file, opened, hashed and recognised."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import structs

from preflight.analyze.buildinfo import amd64_level, go_build
from preflight.analyze.bundles import TooMuchError, open_bundle, open_directory, open_payload
from preflight.analyze.foreign import foreign
from preflight.analyze.formats import Found, detect
from preflight.analyze.gofunctions import function_names
from preflight.analyze.golinkage import go_linkage
from preflight.analyze.needs import describe, glibc_floor, glibc_steps, libc, x86_isa_needed
from preflight.analyze.payload import beside, payload
from preflight.analyze.runtime import Marks, runtime_needs, texts
from preflight.analyze.sections import sections
from preflight.analyze.toolchain import toolchain
from preflight.elf import FileSource, Source, read
from preflight.errors import BinaryError
from preflight.model.elf import Elf
from preflight.model.requirements import Requirements

_HEAD_BYTES = 256  # BINPRM_BUF_SIZE of the Linux kernel
_MAY_BE_GO = ("elf", "pe", "mach-o")
_BLOCK_BYTES = 512  # of a tar archive
_PIECE_BYTES = 4 << 20  # larger ones change hands with the reader of the file less often
_HINT = "give the path of a program or a library that lies on this machine"
_UNPACK = "archives in archives are not opened: unpack it, and give what shall be started"
_PLAIN_ARCHIVES = ("a tar archive", "a zip archive")  # which nothing runs as they are
_KINDS = {
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
    Return what the file or directory at *path* is and needs.

    Of a directory and an archive, `Requirements.bundle` has the programs and
    libraries in it.

    *id* is the report's, *name* what it will be called when installed (the
    last part of *path*).  Every regular file has an answer but an archive of
    nothing to start; raises `BinaryError` for that, and for a path that is no
    file or cannot be read.
    """
    path = os.fspath(path)
    try:
        state = os.stat(path)  # noqa: PTH116 - *path* stays as given
        called = Path(path).name if name is None else name
        if stat.S_ISDIR(state.st_mode):
            return _directory(path, id, called)
        _check_regular(path, state)
        return _analyze(path, id, called)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BinaryError(f"{path}: {reason}", _HINT) from error
    except ValueError as error:  # a NUL in the path
        raise BinaryError(f"{path!r}: no such file or directory", _HINT) from error


def _check_regular(path: str, state: os.stat_result) -> None:
    """Refuse what is no regular file before it is opened: a pipe would block."""
    if not stat.S_ISREG(state.st_mode):
        kind = _KINDS.get(stat.S_IFMT(state.st_mode), "is no regular file")
        raise BinaryError(f"{path}: {kind}", _HINT)


def _analyze(path: str, identifier: str, name: str) -> Requirements:
    with Path(path).open("rb") as file, ThreadPoolExecutor(1) as beside:
        source = FileSource(file)
        # It takes as long as opening an archive does, and runs beside it.
        sha256 = beside.submit(_digest, source)
        found = _described(source, "", id=identifier, path=path, name=name)
        bundle = None
        if found.format == "archive":
            head = source.read(0, _BLOCK_BYTES)
            bundle = open_bundle(path, file, head, _member_of(identifier, f"{path}!/"))
        elif found.payload == "PyInstaller":
            try:
                bundle = open_payload(path, file, _member_of(identifier, f"{path}!/"))
            except TooMuchError:
                raise
            except BinaryError:
                bundle = None  # told as not judged
        if bundle is not None and not bundle.members:
            if found.foreign is None and found.description.startswith(_PLAIN_ARCHIVES):
                what = f"{found.description}, without programs or libraries"
                raise BinaryError(f"{path}: {what}", _UNPACK)
            bundle = None
        return structs.replace(found, sha256=sha256.result(), bundle=bundle)


def _directory(path: str, identifier: str, name: str) -> Requirements:
    bundle = open_directory(path, _member_of(identifier, path.rstrip("/") + "/"))
    if not bundle.members:
        raise BinaryError(f"{path}: a directory without programs or libraries", _HINT)
    digest = hashlib.sha256()
    for entry in bundle.entries:
        sha256 = "" if entry.member is None else bundle.members[entry.member].sha256
        line = (entry.path, entry.kind, entry.mode, entry.size_bytes, entry.target, sha256)
        digest.update(repr(line).encode())
    return Requirements(
        id=identifier,
        path=path,
        name=name,
        sha256=digest.hexdigest(),
        size_bytes=sum(entry.size_bytes for entry in bundle.entries),
        format="directory",
        description="a directory",
        bundle=bundle,
    )


def _member_of(identifier: str, prefix: str) -> Callable[[str, Source], Requirements]:
    """Return what makes the requirements of one member after the other."""
    numbers = itertools.count(1)

    def member(inner: str, source: Source) -> Requirements:
        """Return what *source* needs, which lies at *inner* in the archive."""
        found = _described(
            source,
            _digest(source),
            id=f"{identifier}.{next(numbers)}",
            path=prefix + inner,
            name=inner.rpartition("/")[2],
        )
        return structs.replace(found, member_of=identifier, inner=inner)

    return member


def _digest(source: Source) -> str:
    digest = hashlib.sha256()
    for offset in range(0, source.size_bytes, _PIECE_BYTES):
        digest.update(source.read(offset, _PIECE_BYTES))
    return digest.hexdigest()


def _described(source: Source, sha256: str, *, id: str, path: str, name: str) -> Requirements:  # noqa: A002
    head = source.read(0, _HEAD_BYTES)
    elf = read(source)
    found = _elf_found(elf) or detect(source, name)
    go = go_build(source, elf) if found.format in _MAY_BE_GO else None
    shipped = elf if found.format == "elf" else None
    carrier = payload(source) if shipped else None
    table = sections(source, elf) if shipped else ()
    marks = Marks(
        texts=texts(source, table, elf, go) if shipped else {},
        functions=function_names(source, table, elf) if go and shipped else b"",
    )
    linkage = go_linkage(elf, go, marks.functions, marks.texts) if go and shipped else None
    return Requirements(
        id=id,
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
        glibcxx_steps=glibc_steps(shipped, "GLIBCXX") if shipped else (),
        libc=libc(shipped) if shipped else None,
        go=go,
        go_linkage=linkage,
        go_level=amd64_level(go),
        x86_isa_needed=x86_isa_needed(shipped) if shipped else None,
        toolchain=toolchain(source, table, go) if shipped else (),
        runtime_needs=runtime_needs(source, table, elf, go, marks) if shipped else (),
        payload=carrier,
        beside=beside(source) if carrier else None,
        foreign=foreign(source, found.format),
    )


def _elf_found(elf: Elf) -> Found | None:
    return Found("elf", describe(elf)) if elf.head.startswith(b"\x7fELF") else None
