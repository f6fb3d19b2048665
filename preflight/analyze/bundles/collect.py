"""From the names in a container to a `Bundle`: hostile ones end in one `BinaryError`."""

from __future__ import annotations

import lzma
import os
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

import zstandard
from msgspec import structs

from preflight.analyze.bundles import deb, directory, pyinstaller, rpm, tar
from preflight.analyze.bundles import zip as zip_
from preflight.analyze.bundles.compressed import ZSTD
from preflight.analyze.bundles.item import Item, Meter
from preflight.analyze.bundles.openers import with_openers
from preflight.elf import BytesSource, FileSource, Source
from preflight.errors import BinaryError
from preflight.model.requirements import Bundle, Entry, Requirements

Walk = Callable[[IO[bytes]], Iterator[Item]]
Member = Callable[[str, Source], Requirements]

_DEB = b"!<arch>\ndebian-binary"
# By their first bytes; what only starts like a tar archive is none.
WALKS: tuple[tuple[bytes, Walk, str | None], ...] = (
    (b"PK\x03\x04", zip_.walk, None),
    (_DEB, deb.walk, "/"),
    (rpm.MAGIC, rpm.walk, "/"),
    (b"\x1f\x8b", tar.walk, None),
    (b"BZh", tar.walk, None),
    (b"\xfd7zXZ\0", tar.walk, None),
    (ZSTD, tar.walk, None),
)
_USTAR_AT = 257
_HEAD_BYTES = 64  # an ELF header's
_IN_MEMORY_BYTES = 4 << 20
_PIECE_BYTES = 1 << 20
_MEMBERS = 5_000
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    zstandard.ZstdError,
    EOFError,
    ValueError,
    IndexError,
    OverflowError,
    RuntimeError,  # NotImplementedError too
    struct.error,
)


def open_directory(path: str, member: Member) -> Bundle:
    """Return what lies in the directory at *path*; raises `BinaryError` and `OSError`."""
    return _Collector(path, 1 << 40, member).bundle(directory.walk(path), None)


def open_bundle(path: str, file: IO[bytes], head: bytes, member: Member) -> Bundle | None:
    """
    Return what the archive in *file* holds, None where it is no container that is opened.

    *member* makes the requirements of a program or library in it.  Raises
    `BinaryError` for what is damaged, or not safe to unpack.
    """
    found = next(((walk, root) for magic, walk, root in WALKS if head.startswith(magic)), None)
    if found is None and head[_USTAR_AT:].startswith(b"ustar"):
        found = tar.walk, None
    if found is None:
        return None
    walk, root = found
    one_file = walk is tar.walk and not head[_USTAR_AT:].startswith(b"ustar")
    collector = _Collector(path, os.fstat(file.fileno()).st_size, member)
    try:
        return collector.bundle(walk(file), root)
    except BinaryError as error:
        raise _named(path, error) from error
    except _BROKEN as error:
        if one_file and not collector.entries:
            return None
        raise BinaryError(f"{path}: the archive is damaged: {error}") from error
    except OSError as error:
        if error.errno is not None:
            raise
        if one_file and not collector.entries:
            return None
        raise BinaryError(f"{path}: the archive is damaged: {error}") from error


def open_payload(path: str, file: IO[bytes], member: Member) -> Bundle:
    """
    Return what a PyInstaller program unpacks at its start.

    Raises `TooMuchError` for a bomb, `BinaryError` for what is damaged.
    """
    collector = _Collector(path, os.fstat(file.fileno()).st_size, member)
    try:
        found = collector.bundle(pyinstaller.walk(file), None)
    except BinaryError as error:
        raise _named(path, error) from error
    except _BROKEN as error:
        raise BinaryError(f"{path}: its PyInstaller archive is damaged: {error}") from error
    return structs.replace(found, temporary=True)


def _named(path: str, error: BinaryError) -> BinaryError:
    where = "" if error.message.startswith(path) else f"{path}: "
    return type(error)(f"{where}{error.message}", error.hint)


class _Collector:
    """Takes items in, one after the other."""

    def __init__(self, path: str, packed_bytes: int, member: Member) -> None:
        self._path = path
        self._meter = Meter(path, packed_bytes)
        self._member = member
        self._members: list[Requirements] = []
        self.entries: dict[str, Entry] = {}

    def bundle(self, items: Iterable[Item], root: str | None) -> Bundle:
        """Return the bundle; raises what *items* raises, and `BinaryError`."""
        for item in items:
            self._meter.count(item)
            self._take(item)
        self.entries.setdefault("", Entry(path="", kind="directory", number=-1))
        used = sorted({e.member for e in self.entries.values() if e.member is not None})
        places = {old: new for new, old in enumerate(used)}
        entries = (_moved(entry, places) for entry in self.entries.values())
        members = with_openers([self._members[n] for n in used])
        return Bundle(entries=tuple(entries), members=members, root=root)

    def _take(self, item: Item) -> None:
        self._meter.name(item.path, item.target)
        path = self._inner(item.path)
        self._parents(path)
        if item.kind == "hardlink":
            self.entries[path] = self._linked(path, item)
            return
        kind = item.kind if path else "directory"
        if kind == "symlink":
            self._check_link(path, item.target)
        head, member = self._content(path, item) if item.content is not None else (b"", None)
        self.entries[path] = Entry(
            path=path,
            kind=kind,
            number=len(self.entries),
            mode=item.mode,
            size_bytes=item.size_bytes,
            head=head,
            target=item.target,
            member=member,
        )

    def _content(self, path: str, item: Item) -> tuple[bytes, int | None]:
        """Return the file's first bytes, and which member it is."""
        content = cast("BinaryIO", item.content)
        head = content.read(_HEAD_BYTES)
        script = head.startswith(b"#!") and item.mode & 0o111
        if not (head.startswith(b"\x7fELF") or script):
            return head, None
        if len(self._members) == _MEMBERS:
            raise BinaryError(f"{self._path}: more than {_MEMBERS:,} programs and libraries")
        with _kept(head, content, item.size_bytes) as source:
            member = self._member(path, source)
        if member.elf is not None and (table := member.elf.symbols) is not None:
            self._meter.table(len(table.names) + len(table.records))
        self._members.append(member)
        return head, len(self._members) - 1

    def _inner(self, name: str) -> str:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or "\0" in name:
            raise BinaryError(f"{self._path}: member {name!r} leads out of the archive")
        return "/".join(parts)

    def _parents(self, path: str) -> None:
        """Have the directories above *path*; a file or a link there is no way."""
        while path:
            path = path.rpartition("/")[0]
            known = self.entries.get(path)
            if known is None:
                self._meter.name(path)
                number = -2 - len(self.entries)
                self.entries[path] = Entry(path=path, kind="directory", number=number)
            elif known.kind != "directory":
                raise BinaryError(f"{self._path}: a member lies behind {path!r}, a {known.kind}")

    def _linked(self, path: str, item: Item) -> Entry:
        known = self.entries.get(self._inner(item.target))
        if known is None or known.kind == "directory":
            raise BinaryError(
                f"{self._path}: member {item.path!r} is a hard link to {item.target!r}, "
                "which is not in the archive"
            )
        return structs.replace(known, path=path)

    def _check_link(self, path: str, target: str) -> None:
        """Refuse a relative link out of the bundle; an absolute one is the host's to answer."""
        depth = path.count("/")
        for part in target.split("/") if not target.startswith("/") else ():
            depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
            if depth < 0:
                raise BinaryError(f"{self._path}: link {path!r} leads out of it, to {target!r}")


def _moved(entry: Entry, places: dict[int, int]) -> Entry:
    if entry.member is None or places[entry.member] == entry.member:
        return entry
    return structs.replace(entry, member=places[entry.member])


@contextmanager
def _kept(head: bytes, content: BinaryIO, size_bytes: int) -> Iterator[Source]:
    """Yield what can be read at any place: memory, the file itself, or a nameless private file."""
    if _is_real(content):
        yield FileSource(content)
        return
    if size_bytes <= _IN_MEMORY_BYTES:
        yield BytesSource(head + content.read(_IN_MEMORY_BYTES))
        return
    with tempfile.TemporaryFile(prefix="preflight-") as file:
        file.write(head)
        while piece := content.read(_PIECE_BYTES):
            file.write(piece)
        file.flush()
        yield FileSource(cast("BinaryIO", file))


def _is_real(content: BinaryIO) -> bool:
    try:
        content.fileno()
    except (OSError, AttributeError):
        return False
    return True
