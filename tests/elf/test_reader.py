"""The reader tells what a kernel and a loader would see, of any machine, and never raises."""

from __future__ import annotations

import struct

import pytest
from msgspec import structs

from preflight.elf import read_bytes
from preflight.model.elf import (
    DF_1_PIE,
    DT_AUXILIARY,
    DT_FILTER,
    DT_NEEDED,
    AbiTag,
    Dependency,
    NeededVersion,
    VersionDef,
    VersionNeed,
)
from tests.builders.elf import ET_EXEC, ExtraSegment, Note, Symbol, build_elf

EVERY_LAYOUT = pytest.mark.parametrize(
    ("machine", "bits", "endian"),
    [(62, 64, "little"), (3, 32, "little"), (22, 64, "big"), (20, 32, "big"), (8, 64, "little")],
)
PT_LOAD, PT_DYNAMIC = 1, 2
DT_FLAGS, DT_FLAGS_1, DT_BIND_NOW, DT_RELR = 30, 0x6FFFFFFB, 24, 36


@EVERY_LAYOUT
def test_what_the_file_needs_is_read_in_every_layout(machine, bits, endian):
    """Machine, names and versions are read in either class and byte order."""
    data = build_elf(
        machine=machine,
        bits=bits,
        endian=endian,
        interpreter="/lib/ld.so.1",
        needed=["liba.so.1", "libc.so.6"],
        soname="libself.so",
        rpath="/r:$ORIGIN",
        runpath="/s",
        version_needs={"libc.so.6": ["GLIBC_2.34", "GLIBC_2.2.5"]},
        weak_versions=["GLIBC_2.2.5"],
        version_defs=["SELF_1"],
    )

    elf = read_bytes(data)

    assert (None, machine, bits, endian) == (elf.defect, elf.machine, elf.bits, elf.endian)
    assert (elf.interpreter, elf.interpreter_terminated) == ("/lib/ld.so.1", True)
    assert elf.needed == ("liba.so.1", "libc.so.6")
    assert (elf.soname, elf.rpath, elf.runpath) == ("libself.so", "/r:$ORIGIN", "/s")
    wanted = (NeededVersion("GLIBC_2.34", False, 4), NeededVersion("GLIBC_2.2.5", True, 5))
    assert (VersionNeed("libc.so.6", wanted),) == elf.version_needs
    assert (
        VersionDef("libself.so", 1, True),
        VersionDef("SELF_1", 2, False),
    ) == elf.version_defs
    assert elf.has_version_table


def test_dependencies_keep_the_order_of_the_file():
    """DT_NEEDED, DT_FILTER and DT_AUXILIARY stand as they stand in the table."""
    elf = read_bytes(build_elf(needed=["a", "b"], tags=[(DT_FILTER, 1), (DT_AUXILIARY, 3)]))

    assert (
        Dependency(DT_NEEDED, "a"),
        Dependency(DT_NEEDED, "b"),
        Dependency(DT_FILTER, "a"),
        Dependency(DT_AUXILIARY, "b"),
    ) == elf.dependencies


def test_flags_of_the_dynamic_table():
    """Flags are read, in both their old and their new form."""
    elf = read_bytes(
        build_elf(tags=[(DT_FLAGS, 8), (DT_FLAGS_1, DF_1_PIE), (DT_BIND_NOW, 0), (DT_RELR, 0)])
    )

    assert (elf.dt_flags, elf.dt_flags_1) == (8, DF_1_PIE)
    assert elf.bind_now_tag
    assert elf.bind_now
    assert elf.has_relr
    assert elf.kind == "static-pie"


def test_the_last_of_two_equal_tags_counts():
    """Of a tag that stands twice the loader takes the last one."""
    elf = read_bytes(build_elf(tags=[(DT_FLAGS, 1), (DT_FLAGS, 2)]))

    assert elf.dt_flags == 2


def test_a_file_without_dynamic_table_is_static():
    """A program without interpreter and dynamic table is static and has no symbols."""
    elf = read_bytes(build_elf(type=ET_EXEC, dynamic=False))

    assert (elf.kind, elf.has_dynamic, elf.symbols, elf.defect) == ("static", False, None, None)


def test_notes_are_read():
    """Build id and ABI tag are read from the notes."""
    tag = struct.pack("<IIII", 0, 3, 2, 0)
    elf = read_bytes(build_elf(notes=[Note(b"GNU\0", 3, b"\xab\xcd"), Note(b"GNU\0", 1, tag)]))

    assert ("abcd", AbiTag(0, (3, 2, 0))) == (elf.build_id, elf.abi_tag)


@pytest.mark.parametrize("asked", [True, False, None])
def test_executable_stack(asked):
    """PT_GNU_STACK says whether the stack is to be executable; without it nobody knows."""
    assert asked is read_bytes(build_elf(exec_stack=asked)).exec_stack


@pytest.mark.parametrize(
    ("content", "name", "terminated"),
    [
        (b"/lib/ld.so\0", "/lib/ld.so", True),
        (b"/lib/ld.so\0rest\0", "/lib/ld.so", True),
        (b"/lib/ld.so", "/lib/ld.so", False),
        (b"\0", "", False),
        (b"/lib/\xff\0", "/lib/\udcff", True),
    ],
)
def test_interpreter_is_what_the_kernel_takes(content, name, terminated):
    """The interpreter ends at its first NUL, and the kernel wants a NUL at its end."""
    elf = read_bytes(build_elf(segments=[ExtraSegment(3, content=content)]))

    assert (name, terminated) == (elf.interpreter, elf.interpreter_terminated)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "does not start as an ELF file"),
        (b"#!/bin/sh\n", "does not start as an ELF file"),
        (b"\x7fELF\x02\x01", "ends inside its ELF header"),
        (b"\x7fELF\x09\x01\x01" + bytes(60), "class 9"),
        (b"\x7fELF\x02\x07\x01" + bytes(60), "encoding 7"),
    ],
)
def test_what_is_no_elf_file_keeps_its_head(data, words):
    """A file that no loader takes for ELF has bits 0, its first bytes and the reason."""
    elf = read_bytes(data)

    assert (0, data[:64], len(data)) == (elf.bits, elf.head, elf.size_bytes)
    assert words in elf.defect


def test_every_truncation_is_read_as_far_as_it_goes():
    """A file cut off anywhere is read without an error; what is missing is a defect."""
    data = build_elf(
        needed=["libc.so.6"],
        version_needs={"libc.so.6": ["GLIBC_2.34"]},
        symbols=[Symbol("f", version="GLIBC_2.34", use="data")],
    )

    defects = [read_bytes(data[:size]).defect for size in range(len(data) + 1)]

    assert defects.pop() is None
    assert all(defects[:-16])  # the last bytes are code, which nobody reads


def test_a_string_outside_the_string_table_is_a_defect():
    """A name that no loader could read is named as the defect, and the rest stands."""
    elf = read_bytes(build_elf(needed=["a"], tags=[(DT_NEEDED, 99999)]))

    assert elf.defect == "a name of DT_NEEDED lies outside the dynamic string table"
    assert elf.needed == ("a", "")


def dynamic_bytes(*entries):
    """Return a dynamic table."""
    return b"".join(struct.pack("<QQ", *entry) for entry in (*entries, (0, 0)))


def test_the_last_dynamic_segment_with_bytes_counts():
    """Of two PT_DYNAMIC the last one is read; one without bytes is none."""
    first, last = dynamic_bytes((DT_FLAGS, 1)), dynamic_bytes((DT_FLAGS, 2))
    two = [ExtraSegment(PT_DYNAMIC, content=first), ExtraSegment(PT_DYNAMIC, content=last)]
    empty = ExtraSegment(PT_DYNAMIC, content=b"")

    assert read_bytes(build_elf(dynamic=False, segments=two)).dt_flags == 2
    assert read_bytes(build_elf(dynamic=False, segments=[*two, empty])).dt_flags == 2
    assert not read_bytes(build_elf(dynamic=False, segments=[empty])).has_dynamic


def test_where_segments_overlap_the_later_one_counts():
    """The kernel and the loader map segments in order, one over the other."""
    data = bytearray(build_elf(dynamic=False, segments=[ExtraSegment(0), ExtraSegment(0)]))
    table, other = len(data), len(data) + 64
    data += dynamic_bytes((DT_FLAGS, 1)).ljust(64, b"\0") + dynamic_bytes((DT_FLAGS, 2))
    for index, offset in enumerate([table, other]):
        header = (PT_LOAD, 4, offset, 0x8000, 0x8000, 64, 64, 1)
        struct.pack_into("<IIQQQQQQ", data, 64 + 56 * index, *header)
    struct.pack_into("<IIQQQQQQ", data, 64 + 112, PT_DYNAMIC, 4, table, 0x8000, 0, 32, 32, 1)

    assert read_bytes(bytes(data)).dt_flags == 2


def test_the_hidden_bit_is_no_part_of_a_needed_version():
    """Bit 15 of vna_other is not part of the index (glibc elf/dl-version.c)."""
    data = build_elf(version_needs={"l": ["V_1"]}, symbols=[Symbol("s", version="V_1")])
    plain, hidden = struct.pack("<HH", 0, 2), struct.pack("<HH", 0, 0x8002)
    at = data.index(plain, data.index(struct.pack("<HHI", 1, 1, 1)) + 16)
    changed = data[:at] + hidden + data[at + 4 :]

    assert read_bytes(changed).version_needs == read_bytes(data).version_needs


@pytest.mark.parametrize(("tag", "what"), [("needs", "needs"), ("defs", "definitions")])
def test_a_version_structure_that_nobody_knows_is_a_defect(tag, what):
    """Only version 1 of the structures exists; a loader refuses others."""
    versions = {"version_needs": {"l": ["V"]}} if tag == "needs" else {"version_defs": ["V"]}
    data = build_elf(**versions)
    first = struct.pack("<HH", 1, 1)
    at = data.index(first, 64 + 56 * 2)
    changed = data[:at] + b"\7\0" + data[at + 2 :]

    assert read_bytes(changed).defect == f"the version {what} have the unknown structure version 7"


def test_a_version_table_is_needed_for_versions():
    """Needs without DT_VERSYM are listed and do not make a version table."""
    data = build_elf(version_needs={"l": ["V"]})
    changed = data.replace(struct.pack("<Q", 0x6FFFFFF0), struct.pack("<Q", 0x6000000D))

    assert read_bytes(data).has_version_table
    assert not read_bytes(changed).has_version_table
    assert read_bytes(changed).version_needs == read_bytes(data).version_needs


def test_of_two_stack_headers_the_last_one_counts():
    """PT_GNU_STACK that stands twice is taken as the kernel takes it."""
    stack = ExtraSegment(0x6474E551, flags=7)

    assert read_bytes(build_elf(segments=[stack], exec_stack=False)).exec_stack is False
    assert read_bytes(build_elf(segments=[stack], exec_stack=None)).exec_stack is True


def test_program_headers_of_another_size_are_not_read():
    """A kernel and a loader refuse a wrong e_phentsize, so nothing is guessed from it."""
    data = bytearray(build_elf(needed=["a"]))
    struct.pack_into("<H", data, 54, 32)

    elf = read_bytes(bytes(data))

    assert (elf.phentsize, elf.segments, elf.needed) == (32, (), ())
    assert elf.defect == "its program headers are 32 bytes each, not 56"


def test_a_name_outside_the_string_table_leaves_the_other_symbols():
    """A symbol whose name no loader could read is nameless, the next one is not."""
    data = build_elf(symbols=[Symbol("one", True), Symbol("two", True)])
    at = data.index(struct.pack("<IBBH", 1, 0x12, 0, 1))
    changed = data[:at] + struct.pack("<I", 0x7FFFFFFF) + data[at + 4 :]

    elf = read_bytes(changed)

    assert elf.symbols.names == b"\0\0two\0"
    assert elf.defect == "the name of a symbol lies outside the dynamic string table"


@pytest.mark.parametrize(("at", "value"), [(4, 9), (4, 1), (5, 0), (5, 2), (6, 9)])
@pytest.mark.parametrize(("machine", "bits"), [(62, 64), (3, 32)])
def test_a_wrong_word_of_class_or_order_deceives_nobody(machine, bits, at, value):
    """The kernel goes by the machine; who copies such a program starts it all the same."""
    data = bytearray(build_elf(machine=machine, bits=bits, interpreter="/lib/ld.so", needed=["a"]))
    whole = read_bytes(bytes(data))
    data[at] = value

    found = read_bytes(bytes(data))

    assert found == structs.replace(whole, head=bytes(data[:64]), identity=found.identity)
