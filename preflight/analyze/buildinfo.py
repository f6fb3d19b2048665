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
from typing import NamedTuple

from msgspec import structs

from preflight.analyze.foreign.macho import macho_images
from preflight.analyze.foreign.pe import pe_image
from preflight.analyze.mapped import Image, elf_image
from preflight.elf.source import Source
from preflight.model.elf import Elf, Endian
from preflight.model.go import GoBuild, GoModule

_MAGIC = b"\xff Go buildinf:"
_ALIGN = 16
_HEADER_BYTES = 32
_INLINE = 0x2  # a flag of the header; any other says that the machine is big-endian
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
    """Return what the program says of its build, None for what is no Go program."""
    marks = ((image, at) for image in _images(source, elf) for at in _marks(image))
    for image, offset in itertools.islice(marks, _MARKS):
        build = _read(image, offset)
        if build is not None:
            return build
    return None


def _images(source: Source, elf: Elf) -> Iterator[Image]:
    if elf.bits:
        yield elf_image(source, elf)
    elif source.read(0, 2) == b"MZ":
        yield pe_image(source)
    else:
        yield from macho_images(source)


def _marks(image: Image) -> Iterator[int]:
    """Yield the offsets of the mark, which is aligned, in the data: code may have it, too."""
    for part in image.parts:
        if part.is_data:
            yield from _marks_within(image.source, part.offset, part.size_bytes)


def _marks_within(source: Source, start: int, size: int) -> Iterator[int]:
    size = min(size, _SEARCHED_BYTES, source.size_bytes - start)
    for offset in range(start, start + size, _CHUNK_BYTES):
        wanted = min(_CHUNK_BYTES + _HEADER_BYTES, start + size - offset)
        data = source.read(offset, wanted)
        at = data.find(_MAGIC)
        while 0 <= at < _CHUNK_BYTES:
            if (offset + at) % _ALIGN == 0:
                yield offset + at
            at = data.find(_MAGIC, at + 1)


def _read(image: Image, offset: int) -> GoBuild | None:
    header = image.source.read(offset, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        return None
    if header[15] & _INLINE:
        release, after = _inline(image.source, offset + _HEADER_BYTES)
        lines, _ = _inline(image.source, after) if release else (b"", 0)
    else:
        strings = _Strings(image, header[14], "big" if header[15] else "little")
        release, lines = strings.at(header[16:]), strings.at(header[16 + header[14] :])
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


class _Strings(NamedTuple):
    """Strings of the old format, whose header points at an address and a length."""

    image: Image
    word_bytes: int
    endian: Endian

    def at(self, pointer: bytes) -> bytes:
        """Return the string, nothing where not all of it is there."""
        header = self.image.read(self._word(pointer), 2 * self.word_bytes)
        length = self._word(header[self.word_bytes :])
        data = self.image.read(self._word(header), min(length, _STRING_BYTES))
        return data if len(data) == length else b""

    def _word(self, data: bytes) -> int:
        return int.from_bytes(data[: self.word_bytes], self.endian)


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
