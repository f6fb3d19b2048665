"""Tar archives, plain or compressed.  Source: POSIX pax(1), GNU tar's manual for sparse files."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO, cast

from preflight.analyze.bundles.compressed import decompressed
from preflight.analyze.bundles.item import Item
from preflight.errors import BinaryError

_MODE = 0o7777
_HEADERS_BYTES = 4 << 20  # of one member: long names, attributes, the map of a sparse file


class _Header(tarfile.TarInfo):
    """A header that is damaged ends the archive with an error, as tar(1) does."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """Return the header in *buf*; raises `tarfile.ReadError` where it is none."""
        try:
            return super().frombuf(buf, encoding, errors)
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


class _Rationed:
    """
    A stream of which so much may be read until the next member is known.

    `tarfile` takes the extended headers of a member into memory, whatever their size.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.left = 0

    def read(self, size: int) -> bytes:
        self.left -= size
        if self.left < 0:
            raise BinaryError(f"a member with more than {_HEADERS_BYTES >> 20} MiB of headers")
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()


def walk(file: IO[bytes]) -> Iterator[Item]:
    """
    Yield the members of the archive in *file*, in their order.

    Raises what `tarfile` and the decompressors raise for what is no whole archive.
    """
    plain = decompressed(file)
    passed_over = plain is file  # what nobody asks for is not read
    stream = _Rationed(plain)
    stream.left = _HEADERS_BYTES
    with tarfile.TarFile.open(
        fileobj=cast("IO[bytes]", stream),
        mode="r:" if passed_over else "r|",
        errors="surrogateescape",
        encoding="utf-8",
        tarinfo=_Header,
    ) as archive:
        for member in archive:
            stream.left = _stored_bytes(member) + _HEADERS_BYTES
            yield _item(archive, member)
            if passed_over:
                stream.left = _HEADERS_BYTES
            archive.members.clear()  # type: ignore[attr-defined]  # or each of them is kept


def _stored_bytes(member: tarfile.TarInfo) -> int:
    sparse = cast("list[tuple[int, int]] | None", member.sparse)
    return member.size if sparse is None else sum(size for _, size in sparse)


def _item(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Item:
    mode = member.mode & _MODE
    if member.isdir():
        return Item(member.name, "directory", mode)
    if member.issym():
        return Item(member.name, "symlink", mode, target=member.linkname)
    if member.islnk():
        return Item(member.name, "hardlink", mode, target=member.linkname)
    if not member.isreg():
        return Item(member.name, "other", mode)
    return Item(member.name, "file", mode, member.size, content=archive.extractfile(member))
