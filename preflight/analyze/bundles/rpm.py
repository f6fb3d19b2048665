"""
RPM packages: a cpio archive behind two headers, unpacked at /.

Source: rpm docs/manual/format_v4.md (lead, signature, header, payload), cpio(5) (newc).
"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from functools import partial
from typing import IO, NamedTuple, cast

from preflight.analyze.bundles.compressed import decompressed
from preflight.analyze.bundles.item import ENTRIES, Item
from preflight.analyze.bundles.part import Part
from preflight.errors import BinaryError

MAGIC = b"\xed\xab\xee\xdb"
_LEAD_BYTES = 96
_HEADER_MAGIC = b"\x8e\xad\xe8"
_HEADER_BYTES, _INDEX_BYTES = 16, 16
_HEADERS_BYTES = 256 << 20  # rpm's own limit
_CPIO = (b"070701", b"070702")
_CPIO_BYTES = 110
_END = "TRAILER!!!"
_NAME_BYTES = 4096  # PATH_MAX
_PIECE_BYTES = 1 << 20


class _Header(NamedTuple):
    """One name of the cpio archive."""

    name: str
    inode: int
    mode: int
    links: int
    size_bytes: int

    @property
    def path(self) -> str:
        """The name from / on: archives have it as ./usr or /usr."""
        from_root = self.name == "." or self.name.startswith("./")
        return (self.name[1:] if from_root else self.name).lstrip("/")


def walk(file: IO[bytes]) -> Iterator[Item]:
    """Yield what the package installs; raises `BinaryError` where it cannot be read."""
    file.seek(_LEAD_BYTES)
    signature_bytes = _skip_header(file)
    file.seek(-signature_bytes % 8, io.SEEK_CUR)
    _skip_header(file)
    yield from _cpio(decompressed(file))


def _skip_header(file: IO[bytes]) -> int:
    """Pass over one header; return its size in bytes."""
    head = file.read(_HEADER_BYTES)
    if len(head) < _HEADER_BYTES or not head.startswith(_HEADER_MAGIC):
        raise BinaryError("an RPM package without its header")
    size = _INDEX_BYTES * int.from_bytes(head[8:12], "big") + int.from_bytes(head[12:16], "big")
    if size > _HEADERS_BYTES:
        raise BinaryError("an RPM package whose header is too large")
    file.seek(size, io.SEEK_CUR)
    return _HEADER_BYTES + size


def _cpio(file: IO[bytes]) -> Iterator[Item]:
    """Yield the files; of those that are linked only the last one carries the content."""
    linked: dict[int, list[_Header]] = {}
    number = 0
    while (header := _next(file)).name != _END:
        number += 1
        if number > ENTRIES:  # also of those that wait for their content
            raise BinaryError(f"more than {ENTRIES:,} entries")
        path, mode = header.path, stat.S_IMODE(header.mode)
        padding = -header.size_bytes % 4
        if stat.S_ISREG(header.mode) and header.links > 1 and not header.size_bytes:
            linked.setdefault(header.inode, []).append(header)
        elif stat.S_ISREG(header.mode):
            part = Part(partial(_exactly, file), header.size_bytes)
            yield Item(path, "file", mode, header.size_bytes, content=cast("IO[bytes]", part))
            while part.read(_PIECE_BYTES):  # what nobody has read is passed over
                pass
            for other in linked.pop(header.inode, []):
                yield Item(other.path, "hardlink", mode, target=path)
        elif stat.S_ISLNK(header.mode):
            target = _exactly(file, min(header.size_bytes, _NAME_BYTES))
            yield Item(path, "symlink", mode, target=target.decode("utf-8", "surrogateescape"))
        else:
            yield Item(path, "directory" if stat.S_ISDIR(header.mode) else "other", mode)
        _exactly(file, padding)
    for header in (one for waiting in linked.values() for one in waiting):
        yield Item(header.path, "file", stat.S_IMODE(header.mode))


def _next(file: IO[bytes]) -> _Header:
    head = _exactly(file, _CPIO_BYTES)
    if not head.startswith(_CPIO):
        raise BinaryError("an RPM package whose payload is no cpio archive of the usual form")
    fields = [int(head[at : at + 8], 16) for at in range(6, _CPIO_BYTES, 8)]
    inode, mode, _, _, links, _, size, _, _, _, _, name_bytes, _ = fields
    if not 0 < name_bytes <= _NAME_BYTES:
        raise BinaryError("an RPM package with a name that is too long")
    name = _exactly(file, name_bytes + -(_CPIO_BYTES + name_bytes) % 4)[: name_bytes - 1]
    return _Header(name.decode("utf-8", "surrogateescape"), inode, mode, links, size)


def _exactly(file: IO[bytes], size: int) -> bytes:
    """Return *size* bytes; a decompressor may give them in pieces."""
    data = b""
    while len(data) < size:
        piece = file.read(size - len(data))
        if not piece:
            raise EOFError("it is cut off")
        data += piece
    return data
