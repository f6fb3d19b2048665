"""Debian packages: an ar archive whose ``data.tar`` is unpacked at /.  Source: deb(5), ar(5)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, cast

from preflight.analyze.bundles import tar
from preflight.analyze.bundles.item import Item
from preflight.analyze.bundles.part import Window
from preflight.errors import BinaryError

_MAGIC = b"!<arch>\n"
_HEADER_BYTES = 60
_READ = ("data.tar", "data.tar.gz", "data.tar.xz", "data.tar.bz2", "data.tar.zst")


def walk(file: IO[bytes]) -> Iterator[Item]:
    """Yield what the package installs; raises `BinaryError` where it cannot be read."""
    file.seek(len(_MAGIC))
    while len(header := file.read(_HEADER_BYTES)) == _HEADER_BYTES:
        name = header[:16].decode("ascii", "replace").rstrip(" ").rstrip("/")
        digits = header[48:58].rstrip(b" ")
        if header[58:] != b"`\n" or not digits.isdigit():
            break
        size = int(digits)
        if name.startswith("data.tar"):
            if name not in _READ:
                raise BinaryError(f"its {name} is compressed in a way that is not read here")
            yield from tar.walk(cast("IO[bytes]", Window(file, size)))
            return
        file.seek(size + size % 2, io.SEEK_CUR)
    raise BinaryError("a Debian package without data.tar")
