"""Which compilers and linkers made a binary, by its own word."""

from __future__ import annotations

import importlib.util
import random
import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from preflight.analyze import analyze
from preflight.analyze.sections import sections
from preflight.analyze.toolchain import toolchain
from preflight.elf import BytesSource, read_bytes
from preflight.model.toolchain import LINKERS, Toolchain

SOURCE = "int main(void) { return 0; }\n"


def told(data: bytes) -> tuple[Toolchain, ...]:
    source = BytesSource(data)
    return toolchain(source, sections(source, read_bytes(data)), None)


def with_comment(*texts: str, bits: int = 64, endian: str = "little", count: int = 3) -> bytes:
    """Return a file that has nothing but its section headers and a .comment."""
    order, wide = "<" if endian == "little" else ">", bits == 64
    header = struct.Struct(order + ("16sHHIQQQIHHHHHH" if wide else "16sHHIIIIIHHHHHH"))
    section = struct.Struct(order + ("IIQQQQIIQQ" if wide else "10I"))
    names, comment = b"\0.comment\0.shstrtab\0", b"".join(t.encode() + b"\0" for t in texts)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if endian == "little" else 2, 1]) + bytes(9)
    at = header.size + len(names) + len(comment)
    head = header.pack(ident, 3, 62, 1, 0, 0, at, 0, header.size, 0, 0, section.size, count, 2)
    after = header.size + len(names)
    table = [
        section.pack(0, 0, 0, 0, 0, 3, 0, 0, 0, 0),  # where the header has no count
        section.pack(1, 1, 0x30, 0, after, len(comment), 0, 0, 1, 1),
        section.pack(10, 3, 0, 0, header.size, len(names), 0, 0, 1, 0),
    ]
    return head + names + comment + b"".join(table)


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("GCC: (Debian 12.2.0-14+deb12u1) 12.2.0", "gcc", "12.2.0"),
        ("GCC: (GNU) 4.8.5 20150623 (Red Hat 4.8.5-44)", "gcc", "4.8.5"),
        ("GCC: (Alpine 13.2.1_git20240309) 13.2.1 20240309", "gcc", "13.2.1"),
        ("GCC: (crosstool-NG (custom) 1.25.0) 12.3.0", "gcc", "12.3.0"),
        ("Debian clang version 14.0.6", "clang", "14.0.6"),
        ("clang version 21.1.8 ( 21.1.8-1.module_el8.10.0+4172+b6b13d75)", "clang", "21.1.8"),
        ("Android (6454773 based on r365631c2) clang version 9.0.8 (https://x)", "clang", "9.0.8"),
        ("clang version 18.1.6 (https://github.com/ziglang/zig-bootstrap 98bc6bf)", "zig", None),
        ("zig 0.17.1", "zig", "0.17.1"),
        ("rustc version 1.95.0 (59807616e 2026-04-14)", "rustc", "1.95.0"),
        ("rustc version 1.96.0-nightly (59807616e 2026-04-14)", "rustc", "1.96.0-nightly"),
        ("Linker: LLD 22.1.2 (/checkout/src/llvm-project/llvm 1cb4e38)", "lld", "22.1.2"),
        ("Linker: Debian LLD 14.0.6", "lld", "14.0.6"),
        ("mold 1.10.1 (compatible with GNU ld)", "mold", "1.10.1"),
        ("GHC 9.0.2", "ghc", "9.0.2"),
        ("ldc version 1.30.0", "ldc", "1.30.0"),
        ("tinycc", None, None),
    ],
)
def test_text_is_a_tool_and_its_release(text, name, version):
    """Distributions' own words and numbers stay in the text."""
    assert (Toolchain(name, version, text),) == told(with_comment(text))


@pytest.mark.parametrize(("bits", "endian"), [(32, "little"), (32, "big"), (64, "big")])
def test_every_layout_is_read(bits, endian):
    """32 bits and big-endian files are laid out in their own way."""
    assert ["zig"] == [t.name for t in told(with_comment("zig 0.17.1", bits=bits, endian=endian))]


def test_count_may_stand_in_the_first_section():
    """A header without a count has it there (gABI, SHN_LORESERVE)."""
    assert ["zig"] == [t.name for t in told(with_comment("zig 0.17.1", count=0))]


def test_text_stands_once_in_the_files_order():
    """A file names the C run-time's compiler and its own."""
    old, new = "GCC: (Debian 11.2.0-19) 11.2.0", "GCC: (Debian 12.2.0-14) 12.2.0"

    assert ["11.2.0", "12.2.0"] == [t.version for t in told(with_comment(old, new, old))]


def test_without_section_headers_nothing_is_told():
    """What strips them (sstrip) leaves a program that starts all the same."""
    data = bytearray(Path(shutil.which("true") or "/bin/true").read_bytes())
    data[40:48] = bytes(8)

    assert () == told(bytes(data))


def test_texts_are_bounded():
    """Neither many nor long ones fill a report."""
    found = told(with_comment(*(f"{number} {'x' * 500}" for number in range(100))))

    assert 32 == len(found)
    assert max(len(one.text) for one in found) <= 200


def test_garbled_headers_tell_nothing_and_take_no_time():
    """Whatever the numbers in the headers, the answer is quick and nothing raises."""
    seeds = [with_comment("zig 0.17.1"), with_comment("zig 0.17.1", bits=32, endian="big")]
    rng, started = random.Random(5), time.monotonic()
    for _ in range(2000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            width = rng.choice([1, 2, 4, 8])
            at = rng.randrange(4, len(data) - width)
            data[at : at + width] = rng.choice(
                [b"\xff" * width, bytes(width), rng.randbytes(width)]
            )
        told(bytes(data[: rng.choice([len(data), rng.randrange(len(data))])]))

    assert time.monotonic() - started < 20


def test_table_of_comments_is_not_read_over_and_over():
    """A file whose every section is a .comment of the whole file is still quick."""
    section = struct.Struct("<IIQQQQIIQQ")
    count, names = 65000, b"\0.comment\0" + b"\0" * 22
    size = 64 + len(names) + count * section.size
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 3, 62, 1, 0, 0, 96, 0, 64, 0, 0, section.size, count, 0
    )
    first = section.pack(1, 1, 0, 0, 64, len(names), 0, 0, 1, 0)
    data = head + names + first + section.pack(1, 1, 0, 0, 0, size, 0, 0, 1, 0) * (count - 1)
    started = time.monotonic()

    found = told(data)

    assert len(found) <= 32
    assert time.monotonic() - started < 2


def _readelf(path: Path) -> list[str]:
    """Return the strings of .comment as readelf(1) shows them."""
    run = subprocess.run(
        ["readelf", "-W", "-p", ".comment", path], capture_output=True, text=True, check=False
    )
    return re.findall(r"^  \[ *[0-9a-f]+\]  (.+)$", run.stdout, re.MULTILINE)


def _readable() -> list[Path]:
    """Return ELF files of this machine: of the system, and of Python's packages."""
    places = [(Path("/usr/lib"), "**/*.so"), (Path("/usr/bin"), "*"), (Path(sys.prefix), "**/*.so")]
    found: list[Path] = []
    for place, pattern in places:
        files = [p for p in sorted(place.glob(pattern)) if p.is_file() and not p.is_symlink()]
        files = files[:: max(1, len(files) // 40)]
        found += [path for path in files if path.read_bytes()[:4] == b"\x7fELF"]
    return found


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("readelf"), reason="readelf is not installed")
def test_files_of_this_machine_are_read_as_readelf_does():
    """Of a hundred files, the same texts in the same order."""
    files, named = _readable(), 0
    for path in files:
        data = path.read_bytes()
        expected = list(dict.fromkeys(_readelf(path)))
        found = [one.text for one in told(data) if one.name != "gold"]
        assert expected == found, path
        named += bool(expected)

    assert named > 20


def _built(tmp_path: Path, command: list[str], source: str = SOURCE, name: str = "a.c") -> set[str]:
    """Return the names of the tools that a build by *command* leaves."""
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    (tmp_path / name).write_text(source)
    output = tmp_path / "out"
    run = [*command, "-o", str(output), str(tmp_path / name)]
    subprocess.run(run, check=True, capture_output=True, cwd=tmp_path)
    found = analyze(output).toolchain
    assert all(one.version for one in found)
    assert [t for t in _readelf(output) if t] == [t.text for t in found if t.name != "gold"]
    return {one.name or "" for one in found}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "names"),
    [
        (["gcc"], {"gcc"}),
        (["musl-gcc", "-static"], {"gcc"}),
        (["clang"], {"gcc", "clang"}),
        (["clang", "-fuse-ld=lld"], {"gcc", "clang", "lld"}),
        (["mold", "-run", "gcc"], {"gcc", "mold"}),
        (["gcc", "-fuse-ld=gold"], {"gcc", "gold"}),
    ],
    ids=lambda names: " ".join(sorted(names) if isinstance(names, set) else names),
)
def test_build_names_its_tools(tmp_path, command, names):
    """The compiler, the linker where it is not GNU ld, and GCC for the C run-time."""
    assert names == _built(tmp_path, command)


@pytest.mark.slow
def test_zig_names_itself_or_the_clang_in_it(tmp_path):
    """A program in Zig says so; what zig cc compiles names Clang and LLD, and no GCC."""
    if not importlib.util.find_spec("ziglang"):
        pytest.skip("ziglang is not installed")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu.2.28"]

    assert {"clang", "lld"} == _built(tmp_path, command)


def test_linkers_are_told_from_compilers():
    """Whoever advises on a build asks for compilers."""
    assert {"lld", "mold", "gold"} == set(LINKERS)
