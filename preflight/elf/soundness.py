"""
Is a file one that a linker wrote?

The kernel and the loaders check little of what they read: a program with a
broken table ends by a signal, somewhere between its start and its `main`.  What
no linker writes is a defect here; where it would lead, nobody foretells.  In
3,000 real files there is none.

Source: gABI, "Program Header" and "Dynamic Section"; glibc elf/rtld.c,
elf/get-dynamic-info.h, elf/dl-init.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from preflight.elf.dynamic import Dynamic
from preflight.model.elf import (
    DF_1_PIE,
    DT_NEEDED,
    ET_DYN,
    PF_X,
    PT_DYNAMIC,
    PT_GNU_PROPERTY,
    PT_GNU_RELRO,
    PT_INTERP,
    PT_LOAD,
    PT_NOTE,
    PT_PHDR,
    PT_TLS,
    Segment,
)

_EM_IA_64 = 50  # its programs lie in the upper half
_EM_MIPS = 8  # its own hash table, DT_MIPS_XHASH, stands alone
_LARGEST_PAGE = 1 << 16
# More would hang on the host's memory and address space, in bytes.
_MOST_MEMORY = 1 << 32
_HIGHEST = 1 << 46  # half of what x86-64 has for programs
_LAST_STANDARD, _FIRST_OF_SYSTEMS, _LAST_OF_MACHINES = 40, 0x6000000D, 0x7FFFFFFF
# What is an address, with the tag of its size.
_ADDRESSES = {
    "DT_STRTAB": None,
    "DT_SYMTAB": None,
    "DT_HASH": None,
    "DT_GNU_HASH": None,
    "DT_PLTGOT": None,
    "DT_INIT": None,
    "DT_FINI": None,
    "DT_VERSYM": None,
    "DT_VERNEED": None,
    "DT_VERDEF": None,
    "DT_RELA": "DT_RELASZ",
    "DT_REL": "DT_RELSZ",
    "DT_RELR": "DT_RELRSZ",
    "DT_JMPREL": "DT_PLTRELSZ",
    "DT_INIT_ARRAY": "DT_INIT_ARRAYSZ",
    "DT_FINI_ARRAY": "DT_FINI_ARRAYSZ",
    "DT_PREINIT_ARRAY": "DT_PREINIT_ARRAYSZ",
}
_WORDS = frozenset(tag for tag in _ADDRESSES if tag.endswith("_ARRAY"))
_MAPPED = frozenset({PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_TLS, PT_GNU_PROPERTY})
_CODE = frozenset({"DT_INIT", "DT_FINI"})


def odd_segments(
    segments: Sequence[Segment], phoff: int, machine: int, file_type: int
) -> Iterator[str]:
    """Yield what is odd in the program headers, which lie at *phoff* in the file."""
    loads = [s for s in segments if s.type == PT_LOAD]
    if any(second.vaddr < _end(first) for first, second in pairwise(loads)):
        yield "its segments overlap or stand out of order"
    highest = max(map(_end, loads), default=0) if machine != _EM_IA_64 else 0
    if sum(s.memsz for s in loads) > _MOST_MEMORY or highest > _HIGHEST:
        yield "its segments want more memory than any program"
    if any(s.type == PT_INTERP for s in segments):
        yield from _odd_place(segments, loads, phoff, file_type)
    for segment in segments:
        yield from _odd_segment(segment, loads)


def _odd_place(
    segments: Sequence[Segment], loads: Sequence[Segment], phoff: int, file_type: int
) -> Iterator[str]:
    """Yield why a loader would not know where the program lies: by PT_PHDR."""
    own = next((s for s in segments if s.type == PT_PHDR), None)
    if own is None and file_type == ET_DYN:
        yield "it may lie anywhere, and no PT_PHDR tells its loader where"
    around = (s for s in loads if s.offset <= phoff < s.offset + s.filesz)
    places = (s.vaddr - s.offset + phoff for s in around)
    if own is not None and own.vaddr != next(places, None):
        yield "its program headers are not where PT_PHDR says"


def _odd_segment(segment: Segment, loads: Sequence[Segment]) -> Iterator[str]:
    if segment.type in _MAPPED and not _is_mapped(segment, loads):
        yield "a segment lies elsewhere in memory than in the file"
    if segment.type == PT_TLS and not _is_sound_tls(segment):
        yield "its thread-local storage (PT_TLS) is out of all measure"
    if segment.type in (PT_NOTE, PT_GNU_PROPERTY) and segment.memsz != segment.filesz:
        yield "its notes are larger in memory than in the file"
    if segment.type == PT_GNU_RELRO and not _is_sound_relro(segment, loads):
        yield "what it wants protected (PT_GNU_RELRO) lies outside of its segments"


def odd_tags(
    dynamic: Dynamic, segments: Sequence[Segment], machine: int, file_type: int
) -> Iterator[str]:
    """Yield what is odd in the dynamic table."""
    if any(tag for tag, _ in dynamic.rest):
        yield "its dynamic table goes on after its end"
    tags = [tag for tag, _ in dynamic.entries]
    single = [tag for tag in tags if tag <= _LAST_STANDARD and tag != DT_NEEDED]
    if not all(
        tag <= _LAST_STANDARD or _FIRST_OF_SYSTEMS <= tag <= _LAST_OF_MACHINES for tag in tags
    ):
        yield "its dynamic table has a tag that there is not"
    if len(set(single)) != len(single):
        yield "its dynamic table has a tag twice"
    yield from (
        f"it has no {tag}" for tag in ("DT_STRTAB", "DT_SYMTAB") if dynamic.get(tag) is None
    )
    library = file_type == ET_DYN and not dynamic.number("DT_FLAGS_1") & DF_1_PIE
    hashed = dynamic.get("DT_HASH") is not None or dynamic.get("DT_GNU_HASH") is not None
    if library and not hashed and machine != _EM_MIPS:
        yield "it has no hash table: no symbol of it can be found"
    yield from _odd_addresses(dynamic, [s for s in segments if s.type == PT_LOAD])
    yield from _odd_entries(dynamic)


def _odd_addresses(dynamic: Dynamic, loads: Sequence[Segment]) -> Iterator[str]:
    for tag, measure in _ADDRESSES.items():
        address = dynamic.get(tag)
        size = dynamic.get(measure) if measure else 0
        if address is None or (measure and size == 0):
            continue
        if size is None:
            yield f"it has {tag} without {measure}"
        elif tag in _WORDS and address % dynamic.image.layout.word_bytes:
            yield f"{tag} is not aligned"
        elif not _within(address, size, loads, PF_X if tag in _CODE else 0):
            yield f"{tag} points outside of its segments"


def _odd_entries(dynamic: Dynamic) -> Iterator[str]:
    word = dynamic.image.layout.word_bytes
    sizes = (("DT_RELA", 3 * word), ("DT_REL", 2 * word))
    for tag, size in sizes:
        if dynamic.get(tag) is not None and dynamic.get(f"{tag}ENT") != size:
            yield f"{tag}ENT is not {size}"
    if dynamic.get("DT_JMPREL") is not None and dynamic.get("DT_PLTREL") not in (7, 17):
        yield "DT_PLTREL is neither DT_REL nor DT_RELA"
    for tag, size in sizes:
        if dynamic.number(f"{tag}SZ") % size:
            yield f"{tag}SZ is no multiple of {size}"
        if dynamic.number(f"{tag}COUNT") * size > dynamic.number(f"{tag}SZ"):
            yield f"{tag}COUNT is more than there are relocations"
    versions = any(dynamic.get(tag) is not None for tag in ("DT_VERNEED", "DT_VERDEF"))
    if versions != (dynamic.get("DT_VERSYM") is not None):
        yield "it has versions without DT_VERSYM, or that without them"


def _is_sound_tls(segment: Segment) -> bool:
    align = segment.align
    return (
        align & (align - 1) == 0
        and align <= _LARGEST_PAGE
        and (segment.filesz <= segment.memsz <= _MOST_MEMORY)
    )


def _is_mapped(segment: Segment, loads: Sequence[Segment]) -> bool:
    """Whether the loads bring its bytes to where it says that they are."""
    around = (s for s in loads if s.vaddr <= segment.vaddr < _end(s))
    places = (segment.vaddr - s.vaddr + s.offset for s in around)
    return not segment.filesz or segment.offset == next(places, None)


def _is_sound_relro(segment: Segment, loads: Sequence[Segment]) -> bool:
    """Whether it ends in a page of the segment that it begins in."""
    around = (s for s in loads if s.vaddr <= segment.vaddr < _end(s))
    ends = (-(-_end(s) // step) * step for s in around for step in [max(s.align, 1)])
    return any(_end(segment) <= end for end in ends)


def _within(address: int, size: int, loads: Sequence[Segment], flags: int = 0) -> bool:
    """Whether one segment with these *flags* holds it all."""
    return any(
        s.vaddr <= address and address + size <= _end(s) for s in loads if s.flags & flags == flags
    )


def _end(segment: Segment) -> int:
    return segment.vaddr + segment.memsz
