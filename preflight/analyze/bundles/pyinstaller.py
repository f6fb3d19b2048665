"""
What a PyInstaller program unpacks when it starts: the archive behind its ELF file.

Source: PyInstaller PyInstaller/archive/writers.py (CArchiveWriter), bootloader/src/pyi_archive.h:
the table of contents stands before the cookie, numbers are big-endian.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from preflight.analyze.bundles.item import Item
from preflight.errors import BinaryError

# The boot loader looks for it from the end; the section headers may stand behind it.
MAGIC = b"MEI\014\013\012\013\016"
TAIL_BYTES = 64 * 1024
_COOKIE = struct.Struct("!8sIIII64s")  # magic, archive, table's place and size, Python, its library
_ENTRY = struct.Struct("!IIIIBc")  # entry, place, sizes packed and not, compressed, type
_TABLE_BYTES = 64 << 20
_FILES, _LINK = b"bx", b"n"  # types: binaries and data; a symbolic link


class _Found(NamedTuple):
    """One entry of the table; *place* from the start of the archive."""

    name: str
    place: int
    packed_bytes: int
    size_bytes: int
    compressed: bool
    type: bytes


def walk(file: IO[bytes]) -> Iterator[Item]:
    """Yield the files that are unpacked; raises `BinaryError` for a table that is damaged."""
    size = file.seek(0, io.SEEK_END)
    start = max(0, size - TAIL_BYTES)
    file.seek(start)
    at = start + file.read(TAIL_BYTES).rfind(MAGIC)
    file.seek(at)
    cookie = file.read(_COOKIE.size)
    if len(cookie) < _COOKIE.size:
        raise BinaryError("its PyInstaller archive is cut off")
    _, length, table_at, table_bytes, _python, _library = _COOKIE.unpack(cookie)
    archive = at + _COOKIE.size - length
    if not 0 <= archive <= archive + table_at <= at - table_bytes or table_bytes > _TABLE_BYTES:
        raise BinaryError("its PyInstaller archive is damaged")
    file.seek(archive + table_at)
    for found in _table(file.read(table_bytes)):
        if found.type == _LINK:
            file.seek(archive + found.place)
            yield Item(found.name, "symlink", 0o777, target=_text(_content(file, found)))
        elif found.type in (bytes([one]) for one in _FILES):
            file.seek(archive + found.place)
            content = io.BytesIO(_content(file, found))
            yield Item(found.name, "file", 0o700, found.size_bytes, content=content)


def _table(data: bytes) -> Iterator[_Found]:
    at = 0
    while at + _ENTRY.size <= len(data):
        length, place, packed, size, compressed, kind = _ENTRY.unpack_from(data, at)
        if length <= _ENTRY.size:
            raise BinaryError("its PyInstaller archive is damaged")
        name = _text(data[at + _ENTRY.size : at + length])
        yield _Found(name, place, packed, size, bool(compressed), kind)
        at += length


def _content(file: IO[bytes], found: _Found) -> bytes:
    data = file.read(found.packed_bytes)
    if not found.compressed:
        return data
    unpacked = zlib.decompressobj().decompress(data, found.size_bytes)
    if len(unpacked) < found.size_bytes:
        raise BinaryError(f"member {found.name!r} of its PyInstaller archive is damaged")
    return unpacked


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")
