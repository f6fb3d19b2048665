"""What is no ELF file is named by a format and a plain sentence."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.analyze.formats import DETECTORS, Sample, detect
from preflight.elf import BytesSource

FAT_ARM64 = struct.pack(">IIIII", 0x0100000C, 0, 64, 100, 0)
FAT_X86_64 = struct.pack(">IIIII", 0x01000007, 3, 64, 100, 0)


def pe(machine=0x8664, magic=0x20B, subsystem=3, characteristics=0x22, clr=0):
    """Return the headers of a PE file."""
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80) + bytes(0x40)
    coff = struct.pack("<HHIIIHH", machine, 1, 0, 0, 0, 240, characteristics)
    optional = bytearray(256)
    struct.pack_into("<H", optional, 0, magic)
    struct.pack_into("<H", optional, 68, subsystem)
    directories = 112 if magic == 0x20B else 96
    struct.pack_into("<I", optional, directories + 14 * 8, clr)
    return head + b"PE\0\0" + coff + bytes(optional)


def macho(magic=b"\xcf\xfa\xed\xfe", cpu=0x0100000C, kind=2):
    """Return the header of a Mach-O file."""
    order = "<" if magic[:1] in (b"\xcf", b"\xce") else ">"
    return magic + struct.pack(order + "IIIIII", cpu, 0, kind, 0, 0, 0)


def universal(*entries, magic=b"\xca\xfe\xba\xbe", kind=2):
    """Return a universal file whose first machine's file stands at 64."""
    head = magic + struct.pack(">I", len(entries)) + b"".join(entries)
    return head.ljust(64, b"\0") + macho(kind=kind)


def ar(member):
    """Return an ar archive with one member."""
    return b"!<arch>\n" + member.ljust(16) + b"0           0     0     644     0         `\n"


CASES = [
    # Scripts.
    ("script", "a shell script for /bin/sh", b"#!/bin/sh\necho\n"),
    ("script", "a shell script for /bin/bash -e", b"#! /bin/bash -e\n"),
    ("script", "a Python script for /usr/bin/env python3", b"#!/usr/bin/env python3\n"),
    (
        "script",
        "a Python script for /usr/bin/env -S A=1 python3.11 -u",
        b"#!/usr/bin/env -S A=1 python3.11 -u",
    ),
    ("script", "an awk script for /usr/bin/awk -f", b"#!/usr/bin/awk -f\n"),
    ("script", "a Node.js script for /usr/bin/node", b"#!/usr/bin/node\n"),
    ("script", "a script for /opt/own/thing", b"#!/opt/own/thing\n"),
    ("script", "a script that names no interpreter", b"#!\nfoo"),
    ("script", "a script for /usr/bin/env", b"#!/usr/bin/env\n"),
    (
        "script",
        "a shell script for /bin/sh, whose first line ends in a carriage return",
        b"#!/bin/sh\r\necho\r\n",
    ),
    # PE.
    ("pe", "a PE32+ console program for x86-64 Windows", pe()),
    ("pe", "a PE32+ graphical program for ARM64 Windows", pe(0xAA64, subsystem=2)),
    ("pe", "a PE32 console program for x86 Windows", pe(0x14C, 0x10B)),
    ("pe", "a PE32+ library (DLL) for x86-64 Windows", pe(characteristics=0x2022)),
    ("pe", "a PE32 .NET console program for x86 Windows", pe(0x14C, 0x10B, clr=8)),
    ("pe", "a PE32+ EFI program for x86-64", pe(subsystem=10)),
    ("pe", "a PE32+ console program for machine 0x1234 Windows", pe(0x1234)),
    ("pe", "a PE program for machine 0x0000 Windows", pe()[:0x84]),
    ("unknown", "a DOS program", b"MZ".ljust(200, b"\0")),
    ("text", "a text", b"MZ are two letters" * 10),
    # Mach-O and Java, which share a magic number.
    ("mach-o", "a Mach-O program for arm64 Apple systems", macho()),
    ("mach-o", "a Mach-O library (dylib) for x86_64 Apple systems", macho(cpu=0x01000007, kind=6)),
    ("mach-o", "a Mach-O program for ppc Apple systems", macho(b"\xfe\xed\xfa\xce", 18)),
    ("mach-o", "a Mach-O file for machine-0x63 Apple systems", macho(cpu=99, kind=77)),
    (
        "mach-o",
        "a universal Mach-O program for x86_64 and arm64 Apple systems",
        universal(FAT_X86_64, FAT_ARM64),
    ),
    (
        "mach-o",
        "a universal Mach-O bundle for arm64 Apple systems",
        universal(
            struct.pack(">IIQQII", 0x0100000C, 0, 64, 9, 0, 0), magic=b"\xca\xfe\xba\xbf", kind=8
        ),
    ),
    ("java", "a Java class, class file version 52", b"\xca\xfe\xba\xbe\0\0\0\x34\0\x10"),
    ("java", "a Java class, class file version 65", b"\xca\xfe\xba\xbe\xff\xff\0\x41\0\x10"),
    ("wasm", "a WebAssembly module", b"\0asm\1\0\0\0"),
    ("wasm", "a WebAssembly component", b"\0asm\x0d\0\1\0"),
    ("unknown", "LLVM bitcode", b"\xde\xc0\x17\x0b\0\0\0\0"),
    ("archive", "an ELF file compressed with gzip", gzip.compress(b"\x7fELF" + bytes(90), mtime=0)),
    ("archive", "an ELF file compressed with xz", lzma.compress(b"\x7fELF" + bytes(90))),
    ("archive", "a script compressed with bzip2", bz2.compress(b"#!/bin/sh\n")),
    ("archive", "a file compressed with gzip", gzip.compress(b"text", mtime=0)),
    ("text", "an HTML page, as a failed download leaves it", b"<html><body>"),
    (
        "script",
        "a Python script for /usr/bin/env python3, with a zip archive behind it that it starts",
        b"#!/usr/bin/env python3\nPK\5\6" + bytes(18),
    ),
    ("unknown", "LLVM bitcode", b"BC\xc0\xde5\x14\0\0"),
    # Archives.
    ("archive", "a Debian package", ar(b"debian-binary")),
    ("archive", "a static library", ar(b"/")),
    ("archive", "a static library", ar(b"main.o/")),
    ("archive", "an ar archive", ar(b"notes.txt/")),
    ("archive", "a thin static library", b"!<thin>\n/"),
    ("archive", "a zip archive", b"PK\x03\x04" + bytes(30)),
    ("archive", "a zip archive", b"PK\x05\x06" + bytes(18)),
    ("archive", "a Java archive (jar)", b"PK\x03\x04" + bytes(26) + b"META-INF/MANIFEST.MF"),
    ("archive", "a file compressed with gzip", b"\x1f\x8b\x08\0"),
    ("archive", "a file compressed with xz", b"\xfd7zXZ\0\0\4"),
    ("archive", "a file compressed with zstd", b"\x28\xb5\x2f\xfd\x04"),
    ("archive", "a file compressed with bzip2", b"BZh91AY&SY"),
    ("archive", "a tar archive", bytes(257) + b"ustar\x0000"),
    ("archive", "an RPM package", b"\xed\xab\xee\xdb\3\0"),
    ("archive", "a 7-Zip archive", b"7z\xbc\xaf\x27\x1c\0\4"),
    # Text and the rest.
    ("empty", "an empty file", b""),
    ("text", "a text", b"hello\n"),
    ("text", "a text", "Grüße, 世界\n".encode()),
    ("text", "a text in UTF-16", "hello".encode("utf-16")),
    ("text", "a linker script for ld(1), not a library", b"/* GNU ld script\n*/"),
    (
        "text",
        "a Git LFS pointer, not the file itself",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n",
    ),
    ("text", "an HTML page, as a failed download leaves it", b"<!doctype html><html>"),
    ("unknown", "a file of no format known here", b"\x00\x01\x02\x03"),
    ("unknown", "a file of no format known here", b"\xff\xfa\xf9 latin"),
]


@pytest.mark.parametrize(("kind", "sentence", "data"), CASES)
def test_what_a_file_is(kind, sentence, data):
    """A format of the report and one plain sentence, by the file's first bytes."""
    assert detect(BytesSource(data), "file") == (kind, sentence)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("x-1.0-py3-none-any.whl", b"PK\x03\x04" + bytes(30), "a Python wheel"),
        ("app.JAR", b"PK\x03\x04" + bytes(30), "a Java archive (jar)"),
        ("app.apk", b"PK\x03\x04" + bytes(30), "an Android package"),
        ("app.tar.gz", b"\x1f\x8b\x08\0", "a tar archive compressed with gzip"),
        ("app.tgz", b"\x1f\x8b\x08\0", "a tar archive compressed with gzip"),
        ("gz", b"\x1f\x8b\x08\0", "a file compressed with gzip"),
    ],
)
def test_the_name_tells_archives_apart(name, data, sentence):
    """What the bytes do not tell of a zip or a compressed file the name does."""
    assert detect(BytesSource(data), name) == ("archive", sentence)


def test_a_character_that_the_sample_cuts_is_still_text():
    """A long text is text also where a character lies across the end of the sample."""
    data = b"a" * 4095 + "ü".encode() * 10

    assert detect(BytesSource(data), "file").format == "text"


def test_every_prefix_of_every_format_is_something():
    """A file cut off anywhere still has a format and a sentence."""
    for _, _, data in CASES:
        for size in range(min(len(data), 200)):
            assert detect(BytesSource(data[:size]), "file").description


@given(st.sampled_from([data[:8] for _, _, data in CASES]), st.binary(max_size=400))
def test_no_bytes_raise(magic, rest):
    """Arbitrary bytes behind any magic number are something."""
    for detector in DETECTORS:
        detector(Sample(BytesSource(magic + rest), "file.whl"))
