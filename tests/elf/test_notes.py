"""The CPU level of the ISA note is the one that glibc's loader acts on."""

from __future__ import annotations

import json
import platform
import struct
import subprocess
from pathlib import Path

import pytest

from preflight.elf import read_bytes
from tests.builders.elf import ExtraSegment, build_elf

LOADER = "/lib64/ld-linux-x86-64.so.2"
PT_NOTE, PT_GNU_PROPERTY = 4, 0x6474E553
ISA_NEEDED, FEATURES, NEEDED_1, ISA_USED = 0xC0008002, 0xC0000002, 0xB0008000, 0xC0010002
NOBODYS = 0x8000  # a level that no CPU has


def note(*properties, align=8, kind=5, owner=b"GNU\0", size=None):
    """Return a property note; each property is a type and its content."""
    content = b"".join(
        struct.pack("<II", number, len(value)) + value + bytes(-len(value) % align)
        for number, value in properties
    )
    size = len(content) if size is None else size
    head = struct.pack("<III", len(owner), size, kind) + owner
    return head + bytes(-len(head) % align) + content


def isa(level):
    """Return the property that asks for *level*."""
    return (ISA_NEEDED, struct.pack("<I", level))


def notes(*contents, align=8):
    """Return PT_NOTE segments."""
    return [ExtraSegment(PT_NOTE, content=content, align=align) for content in contents]


WANTED, FINE = note(isa(NOBODYS)), note(isa(1))
CASES = {
    "one note": (notes(WANTED), NOBODYS),
    "behind another property": (notes(note((FEATURES, b"\3\0\0\0"), isa(NOBODYS))), NOBODYS),
    "before another property": (notes(note(isa(NOBODYS), (FEATURES, b"\3\0\0\0"))), NOBODYS),
    "before what was used": (notes(note(isa(NOBODYS), (ISA_USED, b"\1\0\0\0"))), NOBODYS),
    "behind an unknown property": (notes(note((0xB0000000, bytes(8)), isa(NOBODYS))), NOBODYS),
    "behind a property of wrong size": (notes(note((NEEDED_1, bytes(8)), isa(NOBODYS))), 0),
    "of wrong size itself": (notes(note((ISA_NEEDED, struct.pack("<Q", NOBODYS)))), 0),
    "not in ascending order": (notes(note((ISA_USED, bytes(4)), isa(NOBODYS))), 0),
    "twice in one note": (notes(note(isa(1), isa(NOBODYS))), 1),
    "two notes in one segment": (notes(WANTED + FINE), 0),
    "two notes in one segment, the other order": (notes(FINE + WANTED), 0),
    "two segments, the last one counts": (notes(FINE, WANTED), NOBODYS),
    "two segments, the first one does not": (notes(WANTED, FINE), 1),
    "a last segment without a property": (notes(WANTED, bytes(32)), 0),
    "a last segment of another alignment": (
        notes(WANTED) + notes(note(isa(1), align=4), align=4),
        NOBODYS,
    ),
    "alignment 4": (notes(WANTED, align=4), 0),
    "alignment 16": (notes(WANTED, align=16), 0),
    "behind a note of another type": (notes(note(kind=9) + WANTED), NOBODYS),
    "of another owner": (notes(note(isa(NOBODYS), owner=b"GNV\0")), 0),
    "a size that is no multiple": (notes(note(isa(NOBODYS), size=20)), 0),
    "a segment whose memory holds its head": (
        [ExtraSegment(PT_NOTE, content=WANTED, align=8, memsz=13)],
        NOBODYS,
    ),
    "a segment whose memory does not": (
        [ExtraSegment(PT_NOTE, content=WANTED, align=8, memsz=12)],
        0,
    ),
    "PT_GNU_PROPERTY alone": ([ExtraSegment(PT_GNU_PROPERTY, content=WANTED, align=8)], 0),
    "PT_GNU_PROPERTY beside it": (
        [ExtraSegment(PT_GNU_PROPERTY, content=FINE, align=8), *notes(WANTED)],
        NOBODYS,
    ),
}
EACH_CASE = pytest.mark.parametrize(("segments", "level"), CASES.values(), ids=CASES)


def program(segments):
    """Return a program that starts unless the loader finds its CPU level too high."""
    return build_elf(interpreter=LOADER, segments=segments)


@EACH_CASE
def test_isa_note(segments, level):
    """Of all notes the loader's one counts, in its form."""
    assert read_bytes(program(segments)).isa_needed == level


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not Path(LOADER).exists(), reason="needs glibc on x86-64"
)
@EACH_CASE
def test_the_loader_itself_agrees(tmp_path, segments, level):
    """The real loader refuses to start what needs a level that no CPU has, and nothing else."""
    path = tmp_path / "program"
    path.write_bytes(program(segments))
    path.chmod(0o755)

    done = subprocess.run([path], capture_output=True, check=False)

    refused = b"CPU ISA level is lower than required" in done.stderr
    assert (refused, done.returncode) == ((True, 127) if level == NOBODYS else (False, 0))


def test_notes_of_an_aligned_segment_stand_at_its_alignment():
    """Notes in a segment of alignment 8 are 8 bytes apart, those of others 4."""
    build_id = struct.pack("<III", 4, 5, 3) + b"GNU\0" + b"12345\0\0\0"
    first = struct.pack("<III", 4, 4, 9) + b"GNU\0" + b"abcd"

    wide = notes(first + bytes(4) + build_id)
    narrow = notes(first + build_id, align=4)

    assert read_bytes(build_elf(segments=wide)).build_id == b"12345".hex()
    assert read_bytes(build_elf(segments=narrow)).build_id == b"12345".hex()


def test_a_32_bit_file_has_notes_of_alignment_4():
    """In 32-bit files the property note is aligned to 4."""
    segments = notes(note(isa(3), align=4), align=4)

    elf = read_bytes(build_elf(machine=3, bits=32, segments=segments))

    assert elf.isa_needed == 3


def test_other_machines_have_no_isa_note():
    """The note means nothing on a machine that is not x86."""
    assert read_bytes(build_elf(machine=183, segments=notes(WANTED))).isa_needed == 0


def dlopen(text: str, kind: int = 0x407C0C0A, owner: bytes = b"FDO\0") -> bytes:
    """Return a dlopen note with this JSON text."""
    content = text.encode() + b"\0"
    head = struct.pack("<III", len(owner), len(content), kind) + owner
    return head + content + bytes(-len(content) % 4)


def later(*contents: bytes) -> list[tuple[tuple[str, ...], str]]:
    """Return what a program with these notes says that it opens later."""
    image = read_bytes(build_elf(interpreter=LOADER, segments=notes(*contents, align=4)))
    return [(need.sonames, need.priority) for need in image.later]


def test_dlopen_notes_say_what_is_opened_later():
    """Each entry has its alternatives and its priority, "recommended" where none is given."""
    first = [
        {"feature": "a", "priority": "required", "soname": ["liba.so.2", "liba.so.1"]},
        {"soname": ["libb.so"], "more": 1},
    ]
    second = [{"priority": "suggested", "soname": ["libc.so"]}]

    found = later(dlopen(json.dumps(first)) + dlopen(json.dumps(second)))

    assert [
        (("liba.so.2", "liba.so.1"), "required"),
        (("libb.so",), "recommended"),
        (("libc.so",), "suggested"),
    ] == found


@pytest.mark.parametrize(
    "content",
    [
        dlopen("no JSON"),
        dlopen('{"soname": ["a"]}'),
        dlopen('[{"soname": "a"}]'),
        dlopen('[{"soname": []}]'),
        dlopen('[{"soname": ["a"], "priority": "urgent"}]'),
        dlopen("[" * 60_000),
        dlopen('[{"soname": ["a"]}]', kind=1),
        dlopen('[{"soname": ["a"]}]', owner=b"GNU\0"),
        dlopen('[{"soname": ["a"]}]')[:-24],
    ],
)
def test_other_notes_say_nothing_of_it(content):
    """What is not of the form that is specified counts for nothing."""
    assert [] == later(content)


def test_dlopen_notes_of_real_programs(fleet, tmp_path):
    """Every note of the section is read, from all programs of systemd in sid."""
    seen = 0

    for program in sorted((fleet.root("sid") / "usr/bin").glob("systemd-*")):
        dump = ["objcopy", "-O", "binary", "--only-section=.note.dlopen", program]
        subprocess.run([*dump, tmp_path / "notes"], check=True)
        parts = (tmp_path / "notes").read_bytes().split(b"FDO\0")[1:]
        said = [one for part in parts for one in json.loads(part.partition(b"\0")[0])]
        found = read_bytes(program.read_bytes()).later
        assert [(tuple(one["soname"]), one["priority"], one["feature"]) for one in said] == [
            (need.sonames, need.priority, need.feature) for need in found
        ]
        seen += len(found)

    assert seen > 50
