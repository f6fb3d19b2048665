"""What ld.so says of the file that it opens.  Source: glibc elf/dl-load.c, open_verify()."""

from __future__ import annotations

import pytest

from tests.builders.elf import Note
from tests.conformance.builds import (
    Build,
    Dir,
    Link,
    Patch,
    Raw,
    elf,
    header,
    library,
    patched,
    program,
    runpath,
)
from tests.conformance.prepare import noexec
from tests.conformance.scenario import APP, GLIBC, Scenario, case_name, cases

pytestmark = pytest.mark.hosts

A, B = "/opt/app/a", "/opt/app/b"
X = "libx.so.1"
LIBX = library(X)
PLAIN = elf(soname=X)
NEEDS_X = program(X, flags=runpath(f"{A}:{B}"))
MISSING = (f"library-missing {X}",)
UNUSABLE = (f"library-unusable {X}",)
# Where things stand in a 64-bit header.
CLASS, DATA, VERSION, OSABI, ABI_VERSION, PAD = 4, 5, 6, 7, 8, 9
TYPE, E_VERSION, PHOFF, PHENTSIZE, PHNUM = 16, 20, 32, 54, 56
P_TYPE, P_OFFSET, P_FILESZ, P_ALIGN = 0, 8, 32, 48
MODERN = ("bookworm", "trixie", "sid")


def lone(name: str, build: Build, finds: object, roots: tuple[str, ...] = GLIBC) -> Scenario:
    """Return a scenario in which *build* is the only libx.so.1."""
    return Scenario(name=name, files={APP: NEEDS_X, f"{A}/{X}": build}, finds=finds, roots=roots)


def first(name: str, build: Build, finds: object, roots: tuple[str, ...] = GLIBC) -> Scenario:
    """Return a scenario in which *build* is found before a good libx.so.1."""
    files = {APP: NEEDS_X, f"{A}/{X}": build, f"{B}/{X}": LIBX}
    return Scenario(name=name, files=files, finds=finds, roots=roots)


def abi_tag(system: int, *release: int) -> Build:
    """Return a library with an ABI tag."""
    words = b"".join(number.to_bytes(4, "little") for number in (system, *release))
    return elf(soname=X, notes=(Note(b"GNU\0", 1, words),))


SKIPPED = cases(
    first("other-class-first", elf(machine=3, bits=32, soname=X), ()),
    lone("other-class-only", elf(machine=3, bits=32, soname=X), MISSING),
    first("other-machine-first", elf(machine=183, soname=X), ()),
    lone("other-machine-only", elf(machine=183, soname=X), MISSING),
    first("class-of-no-kind", patched(X, (CLASS, b"\0")), ()),
    first("a-loop-ends-the-list", Link(X), MISSING),
    first("dangling-link", Link("nowhere"), ()),
    lone(
        "abi-tag-of-another-system",
        abi_tag(1, 2, 0, 0),
        {
            "bullseye": MISSING,
            **dict.fromkeys(MODERN, ()),
        },
    ),
    lone(
        "abi-tag-of-a-newer-kernel",
        abi_tag(0, 99, 0, 0),
        {
            "bullseye": MISSING,
            **dict.fromkeys(MODERN, ()),
        },
    ),
    lone("abi-tag-of-an-older-kernel", abi_tag(0, 3, 2, 0), ()),
)

FATAL = cases(
    first(
        "text-file",
        Raw(b"INPUT(-lx) and so on, longer than an ELF header would be\n" * 3),
        UNUSABLE,
    ),
    first("linker-script-shorter-than-a-header", Raw(b"INPUT(-lx)\n"), UNUSABLE),
    first("empty-file", Raw(b""), UNUSABLE),
    first("directory", Dir(), UNUSABLE),
    first("big-endian", elf(machine=62, endian="big", soname=X), ()),
    first("data-encoding-zero", patched(X, (DATA, b"\0")), UNUSABLE),
    first("ident-version", patched(X, (VERSION, b"\2")), UNUSABLE),
    first("file-version", patched(X, (E_VERSION, b"\2")), UNUSABLE),
    first("osabi-9", patched(X, (OSABI, b"\x09")), UNUSABLE),
    first("osabi-gnu", patched(X, (OSABI, b"\3")), ()),
    first("osabi-arm-on-another-machine", patched(X, (OSABI, b"\x40")), UNUSABLE),
    first("abi-version-1", patched(X, (ABI_VERSION, b"\1")), UNUSABLE),
    first("gnu-abi-version-2", patched(X, (OSABI, b"\3\2")), ()),
    first("gnu-abi-version-3", patched(X, (OSABI, b"\3\3")), ()),
    first("gnu-abi-version-4", patched(X, (OSABI, b"\3\4")), UNUSABLE),
    first("gnu-abi-version-9", patched(X, (OSABI, b"\3\x09")), UNUSABLE),
    first("padding", patched(X, (PAD + 3, b"\1")), UNUSABLE),
    first("object-file", patched(X, (TYPE, b"\1")), UNUSABLE),
    first("phentsize", patched(X, (PHENTSIZE, b"\x20")), UNUSABLE),
    first("headers-beyond-the-end", patched(X, (PHOFF, b"\0\0\1")), UNUSABLE),
    first("headers-cut-off", Patch(PLAIN, cut=64 + 30), UNUSABLE),
    first("fatal-although-a-skipped-one-came-before", Raw(b"text " * 20), UNUSABLE),
)

MAPPED = cases(
    first(
        "no-loadable-segment", patched(X, *((header(i, P_TYPE), b"\0") for i in range(3))), UNUSABLE
    ),
    first("no-program-headers", patched(X, (PHNUM, b"\0\0")), UNUSABLE),
    first("executable-of-fixed-address", elf(type=2, soname=X), UNUSABLE),
    first("position-independent-executable", program(), UNUSABLE),
    first("static-executable-of-fixed-address", elf(type=2, dynamic=False), UNUSABLE),
    first("no-dynamic-section", elf(dynamic=False), UNUSABLE),
    first(
        "debug-only-file",
        library(
            X,
            source="int f(void){return 1;}",
            flags=("-g",),
            after='objcopy --only-keep-debug "$1"',
        ),
        UNUSABLE,
    ),
    first("misaligned-offset", patched(X, (header(2, P_OFFSET), b"\x10")), UNUSABLE),
    first("linked-for-smaller-pages", library(X, flags=("-Wl,-z,max-page-size=0x800",)), UNUSABLE),
    first(
        "alignment-below-a-page",
        patched(X, (header(2, P_ALIGN), b"\0\x08")),
        {
            "bullseye": UNUSABLE,
            **dict.fromkeys(MODERN, ()),
        },
    ),
    first("alignment-above-a-page", library(X, flags=("-Wl,-z,max-page-size=0x200000",)), ()),
    first(
        "executable-stack",
        library(X, flags=("-Wl,-z,execstack",)),
        (),
    ),
    Scenario(
        name="library-on-a-noexec-mount",
        files={APP: NEEDS_X, f"{A}/{X}": library(X, source="int f(void){return 1;}")},
        finds=(f"mount-noexec {A}/{X}",),
        prepare=noexec(A),
    ),
    Scenario(
        name="library-without-code-on-a-noexec-mount",
        files={APP: NEEDS_X, f"{A}/{X}": LIBX},
        prepare=noexec(A),
    ),
    first(
        "truncated-to-half",
        Patch(library(X, source="const char big[40000]={1}; int data[20000]={1};"), cut=30000),
        UNUSABLE,
    ),
    first(
        "section-table-cut-off",
        library(X, after='strip --strip-section-headers "$1" 2>/dev/null || truncate -s -64 "$1"'),
        (),
    ),
)


@pytest.mark.parametrize(("scenario", "root"), [*SKIPPED, *FATAL, *MAPPED], ids=case_name)
def test_candidate(scenario, root, agree):
    """Files are skipped, taken and refused as ld.so does, in its words."""
    agree(scenario, root)
