"""Tar archives, plain or compressed with gzip, bzip2, xz or zstd.  Source: POSIX pax(1)."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO

import zstandard

from preflight.analyze.bundles.item import Item

ZSTD = b"\x28\xb5\x2f\xfd"  # RFC 8878

_COMPRESSIONS = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz"}
_MODE = 0o7777
_WINDOW_BYTES = 128 << 20  # as zstd(1) allows by itself


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


def walk(file: IO[bytes]) -> Iterator[Item]:
    """
    Yield the members of the archive in *file*, in their order.

    Raises what `tarfile` and the decompressors raise for what is no whole archive.
    """
    head = file.read(8)
    file.seek(0)
    if head.startswith(ZSTD):
        decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
        file = decompressor.stream_reader(file, read_across_frames=True)
    kinds = (kind for magic, kind in _COMPRESSIONS.items() if head.startswith(magic))
    with tarfile.TarFile.open(
        fileobj=file,
        mode=f"r|{next(kinds, '')}",  # type: ignore[call-overload]  # one of its modes
        errors="surrogateescape",
        encoding="utf-8",
        tarinfo=_Header,
    ) as archive:
        for member in archive:
            yield _item(archive, member)
            archive.members.clear()


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
