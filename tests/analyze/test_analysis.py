"""Every file has an answer: what it is, what it needs, or why it cannot be read."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from preflight.analyze import analyze
from preflight.elf import read_bytes
from preflight.errors import BinaryError
from preflight.model import codec
from preflight.model.requirements import GlibcFloor, Requirements
from tests.builders.elf import EM_386, EM_AARCH64, ET_EXEC, ExtraSegment, Symbol, build_elf

GLIBC = "/lib64/ld-linux-x86-64.so.2"


@pytest.fixture
def shipped(tmp_path):
    """Return a function that writes bytes to a file and analyses it."""

    def ship(data: bytes, name: str = "app") -> Requirements:
        path = tmp_path / name
        path.write_bytes(data)
        return analyze(str(path))

    return ship


def test_a_real_program():
    """A program of this machine is hashed, named, read and described."""
    found = analyze("/bin/ls", id="b7", name="list")

    data = Path("/bin/ls").read_bytes()
    assert (found.id, found.path, found.name, found.format) == ("b7", "/bin/ls", "list", "elf")
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (found.sha256, found.size_bytes)
    assert found.elf == read_bytes(data)
    assert "dynamically linked, interpreter /" in found.description


def test_the_name_is_the_last_part_of_the_path_as_given(tmp_path):
    """A symbolic link is analysed under its own name."""
    (tmp_path / "app").symlink_to("/bin/ls")

    assert analyze(str(tmp_path / "app")).name == "app"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"interpreter": GLIBC},
            f"a 64-bit little-endian x86_64 executable, dynamically linked, interpreter {GLIBC}",
        ),
        (
            {"type": ET_EXEC, "dynamic": False, "machine": EM_386, "bits": 32},
            "a 32-bit little-endian i386 executable, statically linked",
        ),
        (
            {"tags": [(0x6FFFFFFB, 0x08000000)], "machine": EM_AARCH64},
            "a 64-bit little-endian aarch64 executable, statically linked, position-independent",
        ),
        (
            {"machine": 22, "endian": "big", "soname": "libx.so"},
            "a 64-bit big-endian s390x shared library",
        ),
        ({"type": 1, "dynamic": False}, "a 64-bit little-endian x86_64 relocatable object"),
        ({"type": 4, "dynamic": False}, "a 64-bit little-endian x86_64 core dump"),
        ({"type": 9, "dynamic": False}, "a 64-bit little-endian x86_64 ELF file of type 9"),
    ],
)
def test_what_an_elf_file_is(shipped, arguments, sentence):
    """Class, byte order, machine and kind stand in one plain sentence."""
    assert shipped(build_elf(**arguments)).description == sentence


def test_a_truncated_elf_file_is_still_one(shipped):
    """A file cut off in transit is ELF, with what is wrong in its description."""
    found = shipped(build_elf(interpreter=GLIBC, needed=["libc.so.6"])[:-40])

    assert found.format == "elf"
    assert "executable, dynamically linked" in found.description
    assert f"it is damaged: {found.elf.defect}" in found.description


def test_a_file_with_only_an_elf_magic_is_still_one(shipped):
    """Four good bytes and nothing behind them are an ELF file that cannot be read."""
    found = shipped(b"\x7fELF")

    assert found.format == "elf"
    assert found.description == (
        "an ELF file that cannot be read: the file ends inside its ELF header"
    )


def test_the_floor_is_the_highest_release_as_a_number(shipped):
    """2.34 is above 2.4, and the symbols bound to it are the ones that force it."""
    found = shipped(
        build_elf(
            version_needs={"libc.so.6": ["GLIBC_2.4", "GLIBC_2.34"], "libm.so.6": ["GLIBC_2.29"]},
            symbols=[
                Symbol("old", version="GLIBC_2.4"),
                Symbol("pow", version="GLIBC_2.29"),
                Symbol("two", version="GLIBC_2.34", hidden=True),
                Symbol("one", version="GLIBC_2.34"),
            ],
        )
    )

    assert found.glibc_floor == GlibcFloor("2.34", ("one", "two"))


def test_two_libraries_may_force_the_same_floor(shipped):
    """Symbols of every library whose version is the floor are named."""
    found = shipped(
        build_elf(
            version_needs={"libc.so.6": ["GLIBC_2.34"], "libm.so.6": ["GLIBC_2.34 "]},
            symbols=[Symbol("c", version="GLIBC_2.34"), Symbol("m", version="GLIBC_2.34 ")],
        ).replace(b"GLIBC_2.34 \0", b"GLIBC_2.34\0\0")
    )

    assert found.glibc_floor == GlibcFloor("2.34", ("c", "m"))


@pytest.mark.parametrize(
    ("versions", "floor"),
    [
        (["GLIBC_2.17", "GLIBC_ABI_DT_RELR"], GlibcFloor("2.36", ())),
        (["GLIBC_2.38", "GLIBC_ABI_DT_RELR"], GlibcFloor("2.38", ())),
        (["GLIBC_2.3.4", "GLIBC_2.3"], GlibcFloor("2.3.4", ())),
        (["GLIBC_2.2.5", "GLIBC_PRIVATE"], GlibcFloor("2.2.5", ())),
        (["GLIBC_PRIVATE"], None),
        (["GLIBCXX_3.4.32"], None),
        ([], None),
    ],
)
def test_what_counts_for_the_floor(shipped, versions, floor):
    """DT_RELR asks for 2.36; other versions without a number ask for nothing."""
    found = shipped(build_elf(version_needs={"libx.so": versions} if versions else None))

    assert found.glibc_floor == floor


@pytest.mark.parametrize(
    ("arguments", "libc"),
    [
        ({"interpreter": GLIBC}, "glibc"),
        ({"interpreter": "/nix/store/abc/lib/ld-linux-aarch64.so.1"}, "glibc"),
        ({"interpreter": "/lib/ld64.so.2"}, "glibc"),
        ({"interpreter": "/lib/ld.so.1"}, "glibc"),
        ({"interpreter": "/lib/ld-musl-x86_64.so.1"}, "musl"),
        ({"interpreter": "/lib/ld-uClibc.so.0"}, None),
        ({"interpreter": "/system/bin/linker64"}, None),
        ({"needed": ["libc.musl-x86_64.so.1"]}, "musl"),
        ({"needed": ["libc.so"]}, "musl"),
        ({"needed": ["libc.so"], "version_needs": {"libc.so": ["LIBC"]}}, None),
        ({"needed": ["libc.so.6"], "version_needs": {"libc.so.6": ["GLIBC_2.2.5"]}}, "glibc"),
        ({"needed": ["libz.so.1"], "version_needs": {"libz.so.1": ["ZLIB_1.2"]}}, None),
    ],
)
def test_which_libc_a_file_is_linked_for(shipped, arguments, libc):
    """The interpreter tells the C library, else what a library needs does."""
    assert shipped(build_elf(**arguments)).libc == libc


@pytest.mark.parametrize(
    ("bits", "level"),
    [(1, "x86-64"), (3, "x86-64-v2"), (4, "x86-64-v3"), (8, "x86-64-v4"), (0x10, "ISA 0x10")],
)
def test_the_cpu_level_has_its_name(shipped, bits, level):
    """The highest bit of the ISA note is the level that is needed."""
    note = b"\4\0\0\0\x10\0\0\0\5\0\0\0GNU\0\2\x80\0\xc0\4\0\0\0" + bytes([bits]) + bytes(7)

    found = shipped(build_elf(segments=[ExtraSegment(4, content=note, align=8)]))

    assert found.x86_isa_needed == level


def test_without_isa_note_no_level_is_needed(shipped):
    """A file without the note, or of another machine, names no level."""
    assert shipped(build_elf()).x86_isa_needed is None
    assert shipped(build_elf(machine=EM_AARCH64)).x86_isa_needed is None


def refusal(path) -> BinaryError:
    """Return the error that *path* gives."""
    with pytest.raises(BinaryError) as error:
        analyze(str(path))
    return error.value


def test_a_missing_file(tmp_path):
    """A path where nothing lies is an error that says so, with a hint."""
    error = refusal(tmp_path / "app")

    assert error.message == f"{tmp_path}/app: no such file or directory"
    assert error.hint == "give the path of a program or a library that lies on this machine"


def test_what_is_no_file_is_refused_unopened(tmp_path):
    """Empty directories, pipes, devices and sockets are errors at once; a pipe does not block."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "socket"))

    assert refusal(tmp_path).message == f"{tmp_path}: a directory without programs or libraries"
    assert refusal(tmp_path / "pipe").message.endswith("is a named pipe")
    assert refusal("/dev/null").message == "/dev/null: is a device"
    assert refusal(tmp_path / "socket").message.endswith("is a socket")


def test_paths_that_no_file_can_have(tmp_path):
    """A NUL in a path, a file used as a directory and a circle of links are errors too."""
    (tmp_path / "loop").symlink_to("loop")

    assert refusal("a\0b").message == r"'a\x00b': no such file or directory"
    assert refusal("/bin/ls/x").message == "/bin/ls/x: not a directory"
    assert "symbolic links" in refusal(tmp_path / "loop").message


READ_AS_NOBODY = """
import os, sys
from preflight.analyze import analyze
if os.geteuid() == 0:
    os.setuid(65534)
try:
    analyze(sys.argv[1])
except Exception as error:
    print(error)
"""


def test_a_file_that_may_not_be_read(tmp_path):
    """A file without read permission is an error that says so."""
    path = tmp_path / "app"
    path.touch(mode=0o000)
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)  # root's temporary directories are its own

    done = subprocess.run(
        [sys.executable, "-c", READ_AS_NOBODY, path], capture_output=True, text=True, check=True
    )

    assert done.stdout == f"{path}: permission denied\n"


def test_what_was_found_survives_its_json(shipped):
    """Requirements, odd names among them, go through JSON and come back equal."""
    found = shipped(build_elf(needed=[b"$(touch /tmp/x);'\"\n\xff\\", "libc.so.6"]))

    assert codec.decode(codec.encode(found), Requirements) == found


# Not ru_maxrss, which a child begins with that of its parent.
PEAK_KB = """
import re, sys
from preflight.analyze import analyze
analyze(sys.argv[1])
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_large_program_takes_little_memory(tmp_path):
    """100 MB are analysed in less than 150 MB of memory."""
    path = tmp_path / "app"
    path.write_bytes(Path("/bin/bash").read_bytes())
    os.truncate(path, 100 << 20)
    done = subprocess.run(
        [sys.executable, "-c", PEAK_KB, path], capture_output=True, text=True, check=True
    )

    assert int(done.stdout) < 150 * 1024
