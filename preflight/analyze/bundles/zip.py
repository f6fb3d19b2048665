"""Zip archives, wheels among them.  Source: PKWARE, "APPNOTE.TXT"; Info-ZIP for the modes."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from typing import IO

from preflight.analyze.bundles.item import Item
from preflight.errors import BinaryError

_ENCRYPTED = 0x1
_LINK_BYTES = 4096  # PATH_MAX
_UNIX = 3


def walk(file: IO[bytes]) -> Iterator[Item]:
    """Yield the members; raises `BinaryError` for encrypted ones and what `zipfile` raises."""
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.flag_bits & _ENCRYPTED:
                raise BinaryError(f"member {member.filename!r} is encrypted")
            yield from _items(archive, member)


def _items(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[Item]:
    unix = member.external_attr >> 16 if member.create_system == _UNIX else 0
    mode = stat.S_IMODE(unix) or 0o755  # nobody said: whoever unpacks it will
    if member.is_dir():
        yield Item(member.filename, "directory", stat.S_IMODE(unix) or 0o755)
        return
    with archive.open(member) as content:
        if stat.S_ISLNK(unix):
            target = content.read(_LINK_BYTES).decode("utf-8", "surrogateescape")
            yield Item(member.filename, "symlink", mode, target=target)
        else:
            yield Item(member.filename, "file", mode, member.file_size, content=content)
