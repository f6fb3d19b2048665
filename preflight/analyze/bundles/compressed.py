"""Compressed streams, read in pieces: none takes the memory that its header asks for."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from typing import IO, Any, cast

import zstandard

from preflight.errors import BinaryError

ZSTD = b"\x28\xb5\x2f\xfd"  # RFC 8878
_MEMORY_BYTES = 192 << 20  # xz -9 needs 65 MiB, zstd --long 128 MiB
_WINDOW_BYTES = 128 << 20  # as zstd(1) allows by itself
_PIECE_BYTES = 64 << 10
_LZMA_MEMLIMIT = "Memory usage limit exceeded"  # of CPython's _lzma


class _Xz(io.RawIOBase):
    """What is packed with xz or lzma, its streams one after the other.  Source: xz(1)."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._packed = b""
        self._decoder: lzma.LZMADecompressor | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._piece(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _piece(self, size: int) -> bytes:
        """Return from 1 to *size* bytes, none at the end."""
        while self._decoder is not None or self._another():
            decoder = cast("lzma.LZMADecompressor", self._decoder)
            if decoder.needs_input and not self._fill():
                raise EOFError("it is cut off")
            data = self._decoded(decoder, size)
            if data:
                return data
        return b""

    def _another(self) -> bool:
        """Begin with the next stream; between two stand zeros."""
        while not self._packed and self._fill():
            self._packed = self._packed.lstrip(b"\0")
        if self._packed:
            self._decoder = lzma.LZMADecompressor(memlimit=_MEMORY_BYTES)
        return self._decoder is not None

    def _fill(self) -> bool:
        self._packed = self._packed or self._file.read(_PIECE_BYTES)
        return bool(self._packed)

    def _decoded(self, decoder: lzma.LZMADecompressor, size: int) -> bytes:
        packed, self._packed = self._packed, b""
        try:
            data = decoder.decompress(packed, size)
        except lzma.LZMAError as error:
            if str(error) != _LZMA_MEMLIMIT:
                raise
            limit = _MEMORY_BYTES >> 20
            raise BinaryError(f"to decompress it takes more than {limit} MiB of memory") from error
        if decoder.eof:
            self._packed, self._decoder = decoder.unused_data.lstrip(b"\0"), None
        return data


def _xz(file: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", io.BufferedReader(_Xz(file), _PIECE_BYTES))


def _zstd(file: IO[bytes]) -> IO[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    return cast("IO[bytes]", decompressor.stream_reader(file, read_across_frames=True))


_OPENERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": _xz,
    b"\x5d\0\0": _xz,
    ZSTD: _zstd,
}


def decompressed(file: IO[bytes]) -> IO[bytes]:
    """
    Return what *file* holds from here on, decompressed where its first bytes say that it is.

    Reading it raises what the decompressors raise, and `BinaryError` where that took more
    memory than anything usual does.
    """
    start = file.tell()
    head = file.read(8)
    file.seek(start)
    opener = next((o for magic, o in _OPENERS.items() if head.startswith(magic)), None)
    return opener(file) if opener else file
