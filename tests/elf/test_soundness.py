"""What no linker writes is a defect of the file."""

from __future__ import annotations

import struct

import pytest

from preflight.elf import read_bytes
from preflight.model.elf import (
    PT_DYNAMIC,
    PT_GNU_RELRO,
    PT_INTERP,
    PT_LOAD,
    PT_NOTE,
    PT_PHDR,
    PT_TLS,
)
from tests.conformance.builds import Gcc, content

PROGRAM = content(
    Gcc(
        "__thread int t=3; __attribute__((constructor)) void f(void){t++;} "
        "int main(void){return t;}",
        ("-pie", "-fPIE", "-Wl,-z,relro"),
        compiler="cc",
    )
)
LIBRARY = content(Gcc("int f(void){return 1;}", ("-shared", "-fPIC"), compiler="gcc"))
TYPE, OFFSET, VADDR, FILESZ, MEMSZ, ALIGN = 0, 8, 16, 32, 40, 48
HUGE = 1 << 40
NOTHING = 0x12345678


def with_segment(data: bytes, kind: int, field: int, value: int, number: int = 0) -> bytes:
    """Return *data* with a field of one of its program headers changed."""
    segments = [place for place, s in enumerate(read_bytes(data).segments) if s.type == kind]
    form = "<I" if field == TYPE else "<Q"
    changed = bytearray(data)
    struct.pack_into(form, changed, 64 + 56 * segments[number] + field, value)
    return bytes(changed)


def with_tag(data: bytes, tag: int, new: int | None = None, value: int | None = None) -> bytes:
    """Return *data* with a tag of its dynamic table, or its value, changed."""
    table = next(s for s in read_bytes(data).segments if s.type == PT_DYNAMIC)
    changed = bytearray(data)
    for at in range(table.offset, table.offset + table.filesz, 16):
        if struct.unpack_from("<Q", data, at)[0] == tag:
            for place, word in ((at, new), (at + 8, value)):
                if word is not None:
                    struct.pack_into("<Q", changed, place, word)
            return bytes(changed)
    raise ValueError(f"no tag {tag}")


@pytest.mark.parametrize("data", [PROGRAM, LIBRARY], ids=["program", "library"])
def test_what_a_linker_wrote_is_sound(data):
    """A program and a library as they come have no defect."""
    assert read_bytes(data).defect is None


@pytest.mark.parametrize(
    ("segment", "words"),
    [
        ((PT_LOAD, VADDR, 0x100, -1), "overlap"),
        ((PT_LOAD, MEMSZ, HUGE, -1), "more memory"),
        ((PT_LOAD, VADDR, 1 << 62, -1), "more memory"),
        ((PT_PHDR, VADDR, 0x1040), "not where PT_PHDR says"),
        ((PT_PHDR, TYPE, 0), "no PT_PHDR"),
        ((PT_INTERP, VADDR, 0x10), "elsewhere in memory"),
        ((PT_TLS, ALIGN, 3), "thread-local"),
        ((PT_TLS, MEMSZ, HUGE), "thread-local"),
        ((PT_NOTE, MEMSZ, HUGE), "notes"),
        ((PT_GNU_RELRO, MEMSZ, HUGE), "PT_GNU_RELRO"),
    ],
    ids=str,
)
def test_program_headers(segment, words):
    """Program headers that lead the kernel or the loader astray are a defect."""
    assert words in (read_bytes(with_segment(PROGRAM, *segment)).defect or "")


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ((5, NOTHING), "a tag that there is not"),
        ((5, 21), "twice"),  # a second DT_DEBUG
        ((5, 0x6FFFFE00), "no DT_STRTAB"),
        ((6, 0x6FFFFE00), "no DT_SYMTAB"),
        ((0x15, 0), "goes on after its end"),
        ((0x1B, 0x6FFFFE00), "DT_INIT_ARRAY without"),
        ((0x19, None, 0x1001), "DT_INIT_ARRAY is not aligned"),
        ((0x19, None, HUGE), "DT_INIT_ARRAY points outside"),
        ((0xC, None, HUGE), "DT_INIT points outside"),
        ((9, None, 16), "DT_RELAENT is not 24"),
        ((8, None, 0x50), "DT_RELASZ is no multiple"),
        ((0x6FFFFFF9, None, HUGE), "DT_RELACOUNT is more"),
        ((0x6FFFFFF0, 0x6FFFFE00), "DT_VERSYM"),
    ],
    ids=str,
)
def test_dynamic_table(tag, words):
    """Tags and values with which a loader crashes are a defect."""
    assert words in (read_bytes(with_tag(PROGRAM, *tag)).defect or "")


def test_a_lazy_table_without_its_kind():
    """DT_PLTREL says how the entries of DT_JMPREL look, or nobody knows."""
    data = content(
        Gcc("int g(void); int f(void){return g();}", ("-shared", "-fPIC"), compiler="gcc")
    )

    assert "DT_PLTREL" in (read_bytes(with_tag(data, 0x14, None, 5)).defect or "")


def test_a_library_without_a_hash_table():
    """No symbol of a library is found without one; a program needs none."""
    words = "no hash table"

    assert words in (read_bytes(with_tag(LIBRARY, 0x6FFFFEF5, 0x6FFFFE00)).defect or "")
    assert read_bytes(with_tag(PROGRAM, 0x6FFFFEF5, 0x6FFFFE00)).defect is None
