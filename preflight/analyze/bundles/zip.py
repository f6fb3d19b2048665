"""Zip archives, wheels among them.  Source: PKWARE, "APPNOTE.TXT"; Info-ZIP for the modes."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from typing import IO, cast

from preflight.analyze.bundles.item import ENTRIES, Item
from preflight.errors import BinaryError

_ENCRYPTED = 0x1
_READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA has no memory limit
_ENTRY = b"PK\1\2"  # of the central directory
_ENTRY_BYTES = 46
_DIRECTORY_BYTES = 64 << 20
_LINK_BYTES = 4096  # PATH_MAX
_DOS, _UNIX = 0, 3


class _Guarded:
    """
    A file of which nobody takes a central directory of millions into memory.

    `zipfile` reads it at once, and makes an object of each entry.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _DIRECTORY_BYTES:
            raise BinaryError(f"a central directory of more than {_DIRECTORY_BYTES >> 20} MiB")
        data = self._file.read(size)
        if size > ENTRIES * _ENTRY_BYTES and data.count(_ENTRY) > ENTRIES:
            raise BinaryError(f"more than {ENTRIES:,} entries")
        return data


def walk(file: IO[bytes]) -> Iterator[Item]:
    """Yield the members; raises `BinaryError` for encrypted ones and what `zipfile` raises."""
    with zipfile.ZipFile(cast("IO[bytes]", _Guarded(file))) as archive:
        for member in archive.infolist():
            if member.flag_bits & _ENCRYPTED:
                raise BinaryError(f"member {member.filename!r} is encrypted")
            if member.compress_type not in _READ:
                raise BinaryError(
                    f"member {member.filename!r} is compressed in a way that is not read here"
                )
            yield from _items(archive, member)


def _items(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[Item]:
    unix = member.external_attr >> 16 if member.create_system == _UNIX else 0
    mode = stat.S_IMODE(unix) or 0o755  # nobody said: whoever unpacks it will
    name = _name(member)
    if name.endswith("/"):
        yield Item(name, "directory", mode)
        return
    with archive.open(member) as content:
        if stat.S_ISLNK(unix):
            target = content.read(_LINK_BYTES).decode("utf-8", "surrogateescape")
            yield Item(name, "symlink", mode, target=target)
        else:
            yield Item(name, "file", mode, member.file_size, content=content)


def _name(member: zipfile.ZipInfo) -> str:
    """
    Return where a member lies: on Windows, older .NET writes backslashes.

    Source: Info-ZIP extract.c, extract_or_test_entrylist(); bsdtar does so too.
    """
    name = member.filename
    return name.replace("\\", "/") if member.create_system == _DOS and "/" not in name else name
