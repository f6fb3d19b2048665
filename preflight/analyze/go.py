"""
What a Go program says of its own build.

Source: Go's debug/buildinfo (the format since Go 1.18, strings inline) and
cmd/go/internal/load (the settings' names).  Limit: older formats, which hold
pointers, are not read.
"""

from __future__ import annotations

from preflight.elf.source import Source
from preflight.model.elf import PF_W, PT_LOAD, Elf

_MAGIC = b"\xff Go buildinf:"
_ALIGN = 16
_INLINE_STRINGS = 0x2
_STRINGS_AT = 32
_SENTINEL = 16  # bytes before and after the module information
_SEARCHED_BYTES = 1 << 20  # the linker lays it at the start of the data


def amd64_level(source: Source, elf: Elf) -> str | None:
    """
    Return GOAMD64 as a level of the psABI ("x86-64-v3"), None where it is not told.

    The Go runtime looks at the CPU itself and ends the program where it does
    not reach the level; "v1" asks for nothing.
    """
    level = settings(source, elf).get("GOAMD64", "")
    return f"x86-64-{level}" if level in ("v2", "v3", "v4") else None


def settings(source: Source, elf: Elf) -> dict[str, str]:
    """Return the build settings (GOOS, CGO_ENABLED …), none for what is no Go program."""
    for segment in elf.segments:
        if segment.type == PT_LOAD and segment.flags & PF_W:
            data = source.read(segment.offset, min(segment.filesz, _SEARCHED_BYTES))
            if (at := _find(data)) is not None:
                return _read(data[at:])
    return {}


def _find(data: bytes) -> int | None:
    at = data.find(_MAGIC)
    while at >= 0 and at % _ALIGN:
        at = data.find(_MAGIC, at + 1)
    return at if at >= 0 else None


def _read(data: bytes) -> dict[str, str]:
    if len(data) <= _STRINGS_AT or not data[15] & _INLINE_STRINGS:
        return {}
    _version, at = _string(data, _STRINGS_AT)
    module, _ = _string(data, at)
    lines = module[_SENTINEL:-_SENTINEL].decode("utf-8", "replace").split("\n")
    pairs = (line.removeprefix("build\t").partition("=") for line in lines if "build\t" in line)
    return {name: value for name, _, value in pairs}


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the string whose length stands at *at* as a varint, and where it ends."""
    length = shift = 0
    while at < len(data):
        byte = data[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    return data[at : at + length], at + length
