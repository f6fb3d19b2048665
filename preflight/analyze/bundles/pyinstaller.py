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
from typing import IO, BinaryIO, NamedTuple, cast

from preflight.analyze.bundles.item import Item
from preflight.elf import FileSource, Source
from preflight.errors import BinaryError

# The boot loader looks for it from the end; the section headers may stand behind it.
MAGIC = b"MEI\014\013\012\013\016"
TAIL_BYTES = 64 * 1024
_COOKIE = struct.Struct("!8sIIII64s")  # magic, archive, table's place and size, Python, its library
_ENTRY = struct.Struct("!IIIIBc")  # entry, place, sizes packed and not, compressed, type
_TABLE_BYTES = 64 << 20
_LINK_BYTES = 4096  # PATH_MAX
_PIECE_BYTES = 1 << 16
# Types: binaries and data; a symbolic link; an option; the Python modules.
_FILES, _LINK, _OPTION, _MODULES = (b"b", b"x"), b"n", b"o", b"z"
_CONTENTS = "pyi-contents-directory "


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
    archive, table = _opened(FileSource(cast("BinaryIO", file)))
    for found in _table(table):
        if found.type == _LINK:
            target = _Content(file, archive, found).read(_LINK_BYTES)
            yield Item(found.name, "symlink", 0o777, target=_text(target))
        elif found.type in _FILES:
            content = cast("IO[bytes]", _Content(file, archive, found))
            yield Item(found.name, "file", 0o700, found.size_bytes, content=content)


def beside(source: Source) -> str | None:
    """
    Return the directory in which a one-folder program has its libraries, from its own one on.

    None for what carries them itself, and where that cannot be read.
    Source: PyInstaller PyInstaller/building/api.py (EXE, contents_directory): the name stands in
    the table since 6.0; before, the libraries lie beside the program.
    """
    try:
        found = list(_table(_opened(source)[1]))
    except (BinaryError, ValueError):
        return None
    if any(one.type in _FILES for one in found) or not any(one.type == _MODULES for one in found):
        return None
    options = (one.name for one in found if one.type == _OPTION)
    named = (name.partition(" ")[2] for name in options if name.startswith(_CONTENTS))
    return next(named, "")


def _opened(source: Source) -> tuple[int, bytes]:
    """Return where the archive begins, and its table of contents."""
    start = max(0, source.size_bytes - TAIL_BYTES)
    at = start + source.read(start, TAIL_BYTES).rfind(MAGIC)
    cookie = source.read(at, _COOKIE.size) if at >= 0 else b""
    if len(cookie) < _COOKIE.size:
        raise BinaryError("its PyInstaller archive is cut off")
    _, length, table_at, table_bytes, _python, _library = _COOKIE.unpack(cookie)
    archive = at + _COOKIE.size - length
    if not 0 <= archive <= archive + table_at <= at - table_bytes or table_bytes > _TABLE_BYTES:
        raise BinaryError("its PyInstaller archive is damaged")
    return archive, source.read(archive + table_at, table_bytes)


def _table(data: bytes) -> Iterator[_Found]:
    at = 0
    while at + _ENTRY.size <= len(data):
        length, place, packed, size, compressed, kind = _ENTRY.unpack_from(data, at)
        if length <= _ENTRY.size:
            raise BinaryError("its PyInstaller archive is damaged")
        name = _text(data[at + _ENTRY.size : at + length])
        yield _Found(name, place, packed, size, bool(compressed), kind)
        at += length


class _Content(io.RawIOBase):
    """One file of the archive, decompressed as far as it is read."""

    def __init__(self, file: IO[bytes], archive: int, found: _Found) -> None:
        self._file, self._found = file, found
        self._at, self._packed_left = archive + found.place, found.packed_bytes
        self._left = found.size_bytes if found.compressed else found.packed_bytes
        self._decoder = zlib.decompressobj() if found.compressed else None

    def read(self, size: int = -1) -> bytes:
        """Return the next *size* bytes; raises `BinaryError` where there are fewer."""
        size = self._left if size < 0 else min(size, self._left)
        pieces, missing = [], size
        while missing:
            piece = self._piece(missing)
            pieces.append(piece)
            missing -= len(piece)
        self._left -= size
        return b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        """Return from 1 to *size* bytes."""
        if self._decoder is None:
            piece = self._packed(size)
        else:
            packed, piece = self._decoder.unconsumed_tail, b""
            while not piece and not self._decoder.eof and (packed or self._packed_left):
                piece = self._decoder.decompress(packed or self._packed(_PIECE_BYTES), size)
                packed = self._decoder.unconsumed_tail
        if not piece:
            raise BinaryError(f"member {self._found.name!r} of its PyInstaller archive is damaged")
        return piece

    def _packed(self, size: int) -> bytes:
        self._file.seek(self._at)
        data = self._file.read(min(size, self._packed_left))
        self._at += len(data)
        self._packed_left -= len(data) or self._packed_left
        return data


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")
