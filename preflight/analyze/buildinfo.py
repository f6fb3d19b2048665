r"""
The build information of a Go program, as ``go version -m`` tells it.

Source: Go src/debug/buildinfo/buildinfo.go (both formats: strings inline since
Go 1.18, pointers to them before), src/runtime/debug/mod.go (the lines).
Limit: a settings value is unquoted as a JSON string is, which misses Go's
``\x`` and ``\a`` escapes.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import suppress

from msgspec import structs

from preflight.elf.source import Source
from preflight.model.elf import PF_W, PF_X, PT_LOAD, Elf, Endian
from preflight.model.go import GoBuild, GoModule

_MAGIC = b"\xff Go buildinf:"
_ALIGN = 16
_HEADER_BYTES = 32
_INLINE, _BIG_ENDIAN = 0x2, 0x1  # flags of the header
_SENTINEL = 16  # bytes before and after the lines
_CHUNK_BYTES = 1 << 20
_SEARCHED_BYTES = 256 << 20
_MARKS = 16  # that are looked at: a program has one, and Go's own tools have it in their code, too
_STRING_BYTES = 16 << 20  # the lines of the largest programs known have some 100 kB


def amd64_level(build: GoBuild | None) -> str | None:
    """
    Return GOAMD64 as a level of the psABI ("x86-64-v3"), None where it is not told.

    The Go runtime looks at the CPU itself and ends the program where it does
    not reach the level; "v1" asks for nothing.
    """
    level = build.setting("GOAMD64") if build else None
    return f"x86-64-{level}" if level in ("v2", "v3", "v4") else None


def go_build(source: Source, elf: Elf) -> GoBuild | None:
    """
    Return what the program says of its build, None for what is no Go program.

    A file that is not ELF (PE, Mach-O) is searched from its start.
    """
    marks = (m for start, size in _places(source, elf) for m in _marks(source, start, size))
    for offset in itertools.islice(marks, _MARKS):
        build = _read(source, elf, offset)
        if build is not None:
            return build
    return None


def _places(source: Source, elf: Elf) -> Iterator[tuple[int, int]]:
    """Yield where the linker lays it: the writable data that is no code."""
    if not elf.bits:
        yield 0, source.size_bytes
    for segment in elf.segments:
        if segment.type == PT_LOAD and segment.flags & (PF_X | PF_W) == PF_W:
            yield segment.offset, segment.filesz


def _marks(source: Source, start: int, size: int) -> Iterator[int]:
    """Yield the offsets of the mark, which is aligned."""
    for offset in range(start, start + min(size, _SEARCHED_BYTES), _CHUNK_BYTES):
        wanted = min(_CHUNK_BYTES + _HEADER_BYTES, start + size - offset)
        data = source.read(offset, wanted)
        at = data.find(_MAGIC)
        while 0 <= at < _CHUNK_BYTES:
            if (offset + at) % _ALIGN == 0:
                yield offset + at
            at = data.find(_MAGIC, at + 1)


def _read(source: Source, elf: Elf, offset: int) -> GoBuild | None:
    header = source.read(offset, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        return None
    if header[15] & _INLINE:
        release, after = _inline(source, offset + _HEADER_BYTES)
        lines, _ = _inline(source, after) if release else (b"", 0)
    else:
        endian: Endian = "big" if header[15] & _BIG_ENDIAN else "little"
        pointers = _Pointers(source, elf, header[14], endian)
        release = pointers.string(pointers.word(header[16:]))
        lines = pointers.string(pointers.word(header[16 + pointers.bytes :])) if release else b""
    return _parse(_text(release), _lines(lines)) if release else None


def _inline(source: Source, at: int) -> tuple[bytes, int]:
    """Return the string whose length stands at *at* as a varint, and where it ends."""
    length = shift = 0
    for byte in source.read(at, 10):
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    length = min(length, _STRING_BYTES)
    return source.read(at, length), at + length


class _Pointers:
    """Strings of the old format: the address of a Go string, which is an address and a length."""

    def __init__(self, source: Source, elf: Elf, size: int, endian: Endian) -> None:
        self.bytes = size if size in (4, 8) else 8
        self._source = source
        self._elf = elf
        self._endian = endian

    def word(self, data: bytes) -> int:
        return int.from_bytes(data[: self.bytes], self._endian)

    def string(self, address: int) -> bytes:
        header = self._at(address, 2 * self.bytes)
        length = min(self.word(header[self.bytes :]), _STRING_BYTES)
        return self._at(self.word(header), length)

    def _at(self, address: int, size: int) -> bytes:
        for segment in self._elf.segments:
            inside = address - segment.vaddr
            if segment.type == PT_LOAD and 0 <= inside < segment.filesz:
                return self._source.read(
                    segment.offset + inside, min(size, segment.filesz - inside)
                )
        return b""


def _lines(raw: bytes) -> list[str]:
    """Return the lines between the sentinels, none where these are not there."""
    if len(raw) <= 2 * _SENTINEL or raw[-_SENTINEL - 1 : -_SENTINEL] != b"\n":
        return []
    return _text(raw[_SENTINEL:-_SENTINEL]).split("\n")


def _parse(release: str, lines: list[str]) -> GoBuild:
    """Source: src/runtime/debug/mod.go, ParseBuildInfo()."""
    path, main, settings = "", None, []
    modules: list[GoModule] = []
    for line in lines:
        kind, _, rest = line.partition("\t")
        if kind == "path":
            path = rest
        elif kind == "mod":
            main = _module(rest)
        elif kind == "dep":
            modules.append(_module(rest))
        elif kind == "=>" and modules:
            modules[-1] = structs.replace(modules[-1], replacement=_module(rest))
        elif kind == "=>" and main:
            main = structs.replace(main, replacement=_module(rest))
        elif kind == "build":
            settings.append(_setting(rest))
    return GoBuild(release, path, main, tuple(modules), tuple(settings))


def _module(columns: str) -> GoModule:
    path, version, checksum, *_ = [*columns.split("\t"), "", "", ""]
    return GoModule(path, version, checksum)


def _setting(pair: str) -> tuple[str, str]:
    if pair.startswith('"'):  # a name that holds an odd character
        with suppress(ValueError):
            name, end = json.JSONDecoder().raw_decode(pair)
            return name, _unquoted(pair[end + 1 :])
    name, _, value = pair.partition("=")
    return name, _unquoted(value)


def _unquoted(value: str) -> str:
    if value.startswith("`") and value.endswith("`") and len(value) > 1:
        return value[1:-1]
    if value.startswith('"'):
        with suppress(ValueError):
            return str(json.loads(value))
    return value


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
