"""What PT_NOTE and PT_GNU_PROPERTY say: build id, ABI tag, what is opened later, the x86 level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Literal

import msgspec

from preflight.elf.image import Image
from preflight.model.elf import (
    EM_386,
    EM_X86_64,
    PT_NOTE,
    AbiTag,
    LaterNeed,
    Segment,
)

_GNU, _FDO = b"GNU\0", b"FDO\0"
_NT_FDO_DLOPEN_METADATA = 0x407C0C0A
_NT_GNU_ABI_TAG, _NT_GNU_BUILD_ID, _NT_GNU_PROPERTY_TYPE_0 = 1, 3, 5
# GNU_PROPERTY_*: what is needed of every loader, of its x86 features, of the CPU.
_1_NEEDED, _X86_FEATURE_1_AND, _X86_ISA_1_NEEDED = 0xB0008000, 0xC0000002, 0xC0008002
_FOUR_BYTES = (_1_NEEDED, _X86_FEATURE_1_AND, _X86_ISA_1_NEEDED)
_INDIRECT_EXTERN_ACCESS = 1  # of _1_NEEDED
# Notes are small; a core file's are not, and nobody wants them.
_MAX_NOTES = 1 << 16
_MAX_BUILD_ID = 256

Note = tuple[bytes, int, bytes]  # owner, type, content


class _Dlopen(msgspec.Struct):
    """One entry of a dlopen note; a priority that is not given is "recommended"."""

    soname: list[str]
    priority: Literal["required", "recommended", "suggested"] = "recommended"
    feature: str = ""
    description: str = ""


_DLOPEN = msgspec.json.Decoder(list[_Dlopen])


def notes(image: Image, data: bytes, align: int) -> Iterator[Note]:
    """Yield the notes in *data*; *align* is 8 in a segment of that alignment, else 4."""
    head = Struct(image.layout.order + "III")
    offset = 0
    while offset + head.size <= len(data):
        owner_size, size, kind = head.unpack_from(data, offset)
        owner = offset + head.size
        start = _up(owner + owner_size, align)
        if start + size > len(data):
            return
        yield data[owner : owner + owner_size], kind, data[start : start + size]
        offset = _up(start + size, align)


def _up(value: int, align: int) -> int:
    return (value + align - 1) & -align


class Notes:
    """The GNU notes of one file that a loader or a person asks for."""

    def __init__(self, image: Image, machine: int, segments: Sequence[Segment]) -> None:
        self.build_id: str | None = None
        self.abi_tag: AbiTag | None = None
        self.later: tuple[LaterNeed, ...] = ()
        for segment in segments:
            if segment.type == PT_NOTE:
                self._read(image, segment)
        x86 = machine in (EM_386, EM_X86_64)
        properties = _properties(image, segments) if x86 else {}
        self.isa_needed = properties.get(_X86_ISA_1_NEEDED, 0)
        self.indirect_access = bool(properties.get(_1_NEEDED, 0) & _INDIRECT_EXTERN_ACCESS)

    def _read(self, image: Image, segment: Segment) -> None:
        size = min(segment.filesz, _MAX_NOTES)
        data = image.source.read(segment.offset, size)
        if len(data) < size:
            image.complain("a segment of notes lies beyond the end of the file")
        align = 8 if segment.align == 8 else 4
        for owner, kind, content in notes(image, data, align):
            if owner == _FDO and kind == _NT_FDO_DLOPEN_METADATA:
                self.later += _later(content)
            if owner != _GNU:
                continue
            if kind == _NT_GNU_BUILD_ID and self.build_id is None:
                self.build_id = content[:_MAX_BUILD_ID].hex()
            elif kind == _NT_GNU_ABI_TAG and self.abi_tag is None and len(content) >= 16:
                system, *release = Struct(image.layout.order + "IIII").unpack_from(content)
                self.abi_tag = AbiTag(system, (release[0], release[1], release[2]))


def _later(content: bytes) -> tuple[LaterNeed, ...]:
    """Return what one note says; nothing where it is not of the form that is specified."""
    try:
        entries = _DLOPEN.decode(content.rstrip(b"\0"))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
    return tuple(
        LaterNeed(
            sonames=tuple(entry.soname),
            priority=entry.priority,
            feature=entry.feature,
            description=entry.description,
        )
        for entry in entries
        if entry.soname
    )


def _properties(image: Image, segments: Sequence[Segment]) -> dict[int, int]:
    """
    Return the GNU_PROPERTY_* of four bytes in the one segment that glibc looks at.

    That is the last PT_NOTE aligned to the word, whatever is in it;
    PT_GNU_PROPERTY counts for nothing on x86.  Source: glibc
    sysdeps/x86/dl-prop.h, elf/rtld.c, and runs with glibc 2.36.
    """
    for segment in reversed(segments):
        if segment.type == PT_NOTE and segment.align == image.layout.word_bytes:
            return _of_notes(image, segment)
    return {}


def _of_notes(image: Image, segment: Segment) -> dict[int, int]:
    """Return what the only property note says; two of them count for nothing."""
    data = image.window(segment.vaddr, _MAX_NOTES)
    head = Struct(image.layout.order + "III")
    align = image.layout.word_bytes
    found: dict[int, int] | None = None
    offset = 0
    while offset + head.size < segment.memsz and offset + head.size <= len(data):
        owner_size, size, kind = head.unpack_from(data, offset)
        start = _up(offset + head.size + owner_size, align)
        if kind == _NT_GNU_PROPERTY_TYPE_0 and data[offset + head.size : start] == _GNU:
            if found is not None:
                return {}
            found = _of_note(image, data[start : start + size])
        offset = _up(start + size, align)
    return found or {}


def _of_note(image: Image, data: bytes) -> dict[int, int]:
    """Return the properties of one note, which stand in ascending order, up to the CPU's."""
    head = Struct(image.layout.order + "II")
    value = Struct(image.layout.order + "I")
    align = image.layout.word_bytes
    if len(data) % align:
        return {}
    found: dict[int, int] = {}
    offset = last = 0
    while offset + head.size <= len(data):
        kind, size = head.unpack_from(data, offset)
        offset += head.size
        if kind < last or kind > _X86_ISA_1_NEEDED or offset + size > len(data):
            return {}
        if kind in _FOUR_BYTES and size != value.size:
            return {}
        if kind in _FOUR_BYTES:
            found[kind] = int(value.unpack_from(data, offset)[0])
        if kind == _X86_ISA_1_NEEDED:
            return found
        last = kind
        offset += _up(size, align)
    return found
