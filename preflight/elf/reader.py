"""
Bytes of an ELF file in, an `Elf` out; total: no bytes whatever make it raise.

Headers and tables are decoded here with `struct` rather than by pyelftools,
which is wrong for this purpose: opening the dynamic segment walks the section
headers and raises where they are truncated or garbled, though the kernel and
the loaders never look at them; its version tables exist by section only; it
undercounts the symbols of programs without exports, decodes names lossily and
takes many times as long.  Its names of dynamic tags serve in `dynamic`, its
answers are the cross-check in the tests.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from preflight.elf.dynamic import Dynamic, dynamic_segment, read_dynamic
from preflight.elf.identity import identify
from preflight.elf.image import Image, Layout, cut
from preflight.elf.notes import Notes
from preflight.elf.soundness import odd_segments, odd_tags
from preflight.elf.source import BytesSource, FileSource, Source
from preflight.elf.symbols import read_symbols
from preflight.elf.versions import read_version_defs, read_version_needs
from preflight.model import text
from preflight.model.elf import (
    EM_386,
    EM_AARCH64,
    EM_ARM,
    EM_X86_64,
    PF_X,
    PT_GNU_STACK,
    PT_INTERP,
    Elf,
    Endian,
    Segment,
)

_HEAD_BYTES = 64
_BITS: dict[int, Literal[32, 64]] = {1: 32, 2: 64}  # EI_CLASS
_ENDIANS: dict[int, Endian] = {1: "little", 2: "big"}  # EI_DATA
_LAYOUTS = tuple(Layout(bits, endian) for bits in _BITS.values() for endian in _ENDIANS.values())
# What kernels of a machine read, as `Layout.name`.
_NATURAL = {
    EM_386: (32, "little"),
    EM_ARM: (32, "little"),
    EM_X86_64: (64, "little"),
    EM_AARCH64: (64, "little"),
}
# The kernel refuses a larger table (fs/binfmt_elf.c, load_elf_phdrs).
_MAX_SEGMENT_TABLE = 1 << 16
_PATH_MAX = 4096


def read_bytes(data: bytes) -> Elf:
    """Return what *data*, the content of a whole file, says of itself."""
    return read(BytesSource(data))


def read_file(path: str | os.PathLike[str]) -> Elf:
    """Return what the file at *path* says of itself; raises `OSError` where it cannot be read."""
    with Path(path).open("rb") as file:
        return read(FileSource(file))


def read(source: Source) -> Elf:
    """
    Return what the file behind *source* says of itself.

    Never raises for any bytes; what its *source* raises passes through
    (`RangeNeeded`, `OSError`).
    """
    head = source.read(0, _HEAD_BYTES)
    known: dict[str, Any] = {"size_bytes": source.size_bytes, "head": head}
    layout, defect = _layout(head)
    if layout is None:
        return Elf(**known, defect=defect)
    known |= {
        "bits": layout.bits,
        "endian": layout.endian,
        "osabi": head[7],
        "abi_version": head[8],
    }
    if len(head) < layout.header.size:
        return Elf(**known, defect="the file ends inside its ELF header")
    image = Image(source, layout)
    known |= _read_image(image, _header(head, layout))
    elf = Elf(**known, defect=image.defect)
    return replace(elf, identity=identify(image, elf))


def _layout(head: bytes) -> tuple[Layout | None, str | None]:
    """
    Return how the file is laid out, or why there is none.

    That is what e_ident names.  Where the header then makes no sense and would
    as one of its machine, it is that: the kernel looks at magic, type, machine and
    the size of a program header alone.  Source: Linux fs/binfmt_elf.c,
    load_elf_binary() and load_elf_phdrs().
    """
    if head[:4] != b"\x7fELF":
        return None, "the file does not start as an ELF file does"
    if len(head) < 16:
        return None, "the file ends inside its ELF header"
    bits, endian = _BITS.get(head[4]), _ENDIANS.get(head[5])
    named = Layout(bits, endian) if bits and endian else None
    if named is None or not _fits(head, named):
        for layout in _LAYOUTS:
            if _fits(head, layout) and _NATURAL.get(_header(head, layout).machine) == layout.name:
                return layout, None
    if bits is None:
        return None, f"the ELF class {head[4]} is neither 32-bit nor 64-bit"
    if endian is None:
        return None, f"the ELF data encoding {head[5]} is neither little- nor big-endian"
    return named, None


def _fits(head: bytes, layout: Layout) -> bool:
    """Whether the size of a program header is what this layout has."""
    whole = len(head) >= layout.header.size
    return whole and _header(head, layout).phentsize == layout.segment.size


def _header(head: bytes, layout: Layout) -> _Header:
    return _Header(*layout.header.unpack_from(head))


class _Header(NamedTuple):
    """The file header.  Source: gABI, "ELF Header"."""

    ident: bytes
    type: int
    machine: int
    version: int
    entry: int
    phoff: int
    shoff: int
    flags: int
    ehsize: int
    phentsize: int
    phnum: int
    shentsize: int
    shnum: int
    shstrndx: int


def _read_image(image: Image, header: _Header) -> dict[str, Any]:
    """Return the fields of `Elf` that the header, the segments and the tables give."""
    segments = _segments(image, header)
    image.map(segments)
    for words in odd_segments(segments, header.phoff, header.machine, header.type):
        image.complain(words)
    notes = Notes(image, header.machine, segments)
    known: dict[str, Any] = {
        "type": header.type,
        "machine": header.machine,
        "flags": header.flags,
        "phentsize": header.phentsize,
        "segments": segments,
        "build_id": notes.build_id,
        "abi_tag": notes.abi_tag,
        "later": notes.later,
        "isa_needed": notes.isa_needed,
        "indirect_access": notes.indirect_access,
        "exec_stack": _exec_stack(segments),
    }
    known |= _interpreter(image, segments)
    where = dynamic_segment(segments)
    if where is not None:
        dynamic = read_dynamic(image, where)
        for words in odd_tags(dynamic, segments, header.machine, header.type):
            image.complain(words)
        known |= _read_tables(dynamic, header.machine)
    return known


def _segments(image: Image, header: _Header) -> tuple[Segment, ...]:
    """Return the program headers, those that are whole."""
    form = image.layout.segment
    if not header.phnum:
        return ()
    if header.phentsize != form.size:
        image.complain(f"its program headers are {header.phentsize} bytes each, not {form.size}")
        return ()
    size = header.phnum * form.size
    data = image.source.read(header.phoff, min(size, _MAX_SEGMENT_TABLE))
    if len(data) < size:
        image.complain("its program headers are too many or lie beyond the end of the file")
    order = _SEGMENT_ORDER[image.layout.bits]
    return tuple(
        Segment(*(fields[i] for i in order)) for fields in form.iter_unpack(cut(data, form.size))
    )


# Where type, flags, offset, vaddr, filesz, memsz, align stand in a program header.
_SEGMENT_ORDER = {32: (0, 6, 1, 2, 4, 5, 7), 64: (0, 1, 2, 3, 5, 6, 7)}


def _interpreter(image: Image, segments: Sequence[Segment]) -> dict[str, Any]:
    """
    Return the first PT_INTERP, by its place in the file.

    Source: Linux fs/binfmt_elf.c, load_elf_binary(): between 2 and PATH_MAX
    bytes of which the last is NUL, or the file is not executed.
    """
    segment = next((s for s in segments if s.type == PT_INTERP), None)
    if segment is None:
        return {}
    path = image.source.read(segment.offset, min(segment.filesz, _PATH_MAX))
    if len(path) < segment.filesz:
        image.complain("its interpreter's name is too long or lies beyond the end of the file")
    whole = 2 <= len(path) == segment.filesz
    return {
        "interpreter": text.decode(path.partition(b"\0")[0]),
        "interpreter_terminated": whole and path.endswith(b"\0"),
    }


def _exec_stack(segments: Sequence[Segment]) -> bool | None:
    flags = [s.flags for s in segments if s.type == PT_GNU_STACK]
    return bool(flags[-1] & PF_X) if flags else None


def _read_tables(dynamic: Dynamic, machine: int) -> dict[str, Any]:
    """Return the fields of `Elf` that the dynamic table and what it points at give."""
    needs, defs = read_version_needs(dynamic), read_version_defs(dynamic)
    symbols, relocations = read_symbols(dynamic, machine)
    return {
        "has_dynamic": True,
        "dependencies": dynamic.dependencies(),
        "soname": dynamic.text("DT_SONAME"),
        "rpath": dynamic.text("DT_RPATH"),
        "runpath": dynamic.text("DT_RUNPATH"),
        "dt_flags": dynamic.number("DT_FLAGS"),
        "dt_flags_1": dynamic.number("DT_FLAGS_1"),
        "bind_now_tag": dynamic.get("DT_BIND_NOW") is not None,
        "symbolic_tag": dynamic.get("DT_SYMBOLIC") is not None,
        "textrel_tag": dynamic.get("DT_TEXTREL") is not None,
        "has_relr": dynamic.get("DT_RELR") is not None,
        "has_version_table": dynamic.get("DT_VERSYM") is not None and bool(needs or defs),
        "version_needs": needs,
        "version_defs": defs,
        "symbols": symbols,
        "irelative": relocations.irelative,
        "odd_relocations": relocations.odd_types(),
    }
