"""What ordinary compilers make, on every kind of host."""

from __future__ import annotations

import pytest

from tests.conformance.builds import Gcc, Patch, elf, library, program, runpath
from tests.conformance.scenario import APP, GLIBC, Scenario, case_name, cases

pytestmark = pytest.mark.hosts

A = "/opt/app/a"
X = "libx.so.1"
MAIN = "int main(void){return 0;}"
HELLO = '#include <stdio.h>\nint main(void){fputs("hello\\n", stdout); return 0;}'
LD, LD32, LDMUSL = "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux.so.2", "/lib/ld-musl-x86_64.so.1"
NEW = ("bookworm", "trixie", "sid")


def cut(  # noqa: PLR0913 - one argument for each thing that can differ
    name: str,
    source: str,
    size: int,
    *,
    interpreter: str | None = None,
    finds: tuple[str, ...] = ("file-truncated app",),
    undone: bool = False,
) -> Scenario:
    """Return a scenario with a program of which only *size* bytes are there."""
    build = program("libc.so.6", source=source, interpreter=interpreter)
    files = {APP: Patch(build, cut=size)}
    return Scenario(name=name, files=files, finds=finds, undone=undone)


CASES = cases(
    Scenario(
        name="glibc-program",
        files={APP: Gcc(HELLO, compiler="cc")},
        roots=(*GLIBC, "musl", "i386"),
        finds={
            "bullseye": ("version-missing libc.so.6:GLIBC_2.34",),
            **dict.fromkeys(NEW, ()),
            "musl": (f"interpreter-missing {LD}",),
            "i386": (f"interpreter-missing {LD}",),
        },
    ),
    Scenario(
        name="musl-program",
        files={APP: Gcc(HELLO, compiler="musl-gcc")},
        roots=("bookworm", "musl"),
        finds={"bookworm": (f"interpreter-missing {LDMUSL}",), "musl": ()},
    ),
    Scenario(
        name="static-glibc-program",
        files={APP: Gcc(HELLO, ("-static",), compiler="cc")},
        roots=("bullseye", "sid", "musl", "i386"),
    ),
    Scenario(
        name="static-pie",
        files={APP: Gcc(HELLO, ("-static-pie",), compiler="cc")},
        roots=("bullseye", "musl"),
    ),
    Scenario(
        name="static-musl-program",
        files={APP: Gcc(HELLO, ("-static",), compiler="musl-gcc")},
        roots=("bookworm", "musl"),
    ),
    Scenario(
        name="i386-program",
        files={APP: program(compiler="gcc -m32")},
        roots=("i386", "bookworm", "musl"),
        finds={
            "i386": (),
            "bookworm": (f"interpreter-missing {LD32}",),
            "musl": (f"interpreter-missing {LD32}",),
        },
    ),
    Scenario(
        name="i386-program-needs-libc",
        files={APP: program("libc.so.6", compiler="gcc -m32")},
        roots=("i386",),
    ),
    Scenario(
        name="i386-library-absent",
        files={APP: program(X, compiler="gcc -m32")},
        roots=("i386",),
        finds=(f"library-missing {X}",),
    ),
    Scenario(
        name="i386-library-of-64-bits-only",
        files={APP: program(X, flags=runpath(A), compiler="gcc -m32"), f"{A}/{X}": library(X)},
        roots=("i386",),
        finds=(f"library-missing {X}",),
    ),
    Scenario(
        name="i386-library-after-one-of-64-bits",
        files={
            APP: program(X, flags=runpath(f"{A}:/opt/app/b"), compiler="gcc -m32"),
            f"{A}/{X}": library(X),
            f"/opt/app/b/{X}": library(X, compiler="gcc -m32"),
        },
        roots=("i386",),
    ),
    Scenario(
        name="i386-legacy-subdirectory",
        files={
            APP: program(X, flags=runpath(A), compiler="gcc -m32"),
            f"{A}/i686/sse2/{X}": library(X, compiler="gcc -m32"),
        },
        roots=("i386",),
    ),
    Scenario(
        name="i386-platform",
        files={
            APP: program(X, flags=runpath("/opt/$PLATFORM"), compiler="gcc -m32"),
            f"/opt/i686/{X}": library(X, compiler="gcc -m32"),
        },
        roots=("i386",),
    ),
    Scenario(
        name="i386-lib-token",
        files={
            APP: program(X, flags=runpath("/opt/$LIB"), compiler="gcc -m32"),
            f"/opt/lib/i386-linux-gnu/{X}": library(X, compiler="gcc -m32"),
        },
        roots=("i386",),
    ),
    Scenario(
        name="i386-symbol-missing",
        files={
            APP: program(
                source="int f(void); int (*p)(void) = f;",
                flags=runpath(A),
                links=((X, library(X, source="int f(void){return 1;}", compiler="gcc -m32")),),
                compiler="gcc -m32",
            ),
            f"{A}/{X}": library(X, compiler="gcc -m32"),
        },
        roots=("i386",),
        finds=("symbol-missing f",),
    ),
    Scenario(
        name="i386-copy-relocation",
        files={
            APP: program(
                source="extern int d; int get(void){return d;}",
                flags=(*runpath(A), "-no-pie", "-fno-pic", "-fno-pie"),
                links=((X, library(X, source="int d = 1;", compiler="gcc -m32")),),
                compiler="gcc -m32",
            ),
            f"{A}/{X}": library(X, compiler="gcc -m32"),
        },
        roots=("i386",),
        finds=("symbol-missing d",),
    ),
    Scenario(
        name="i386-version-missing",
        files={
            APP: elf(
                machine=3,
                bits=32,
                interpreter=LD32,
                needed=("libc.so.6",),
                version_needs={"libc.so.6": ("GLIBC_2.99",)},
            )
        },
        roots=("i386",),
        finds=("version-missing libc.so.6:GLIBC_2.99",),
    ),
    Scenario(
        name="section-table-garbled",
        files={APP: Gcc(HELLO, compiler="cc", after='truncate -s -900 "$1"')},
        roots=("bookworm", "bullseye"),
        finds={"bullseye": ("version-missing libc.so.6:GLIBC_2.34",), "bookworm": ()},
    ),
    Scenario(
        name="symbols-and-debug-stripped",
        files={APP: Gcc(HELLO, ("-s",), compiler="cc")},
        roots=("bookworm",),
    ),
    cut("cut-within-the-data", "int big[20000] = {1};", 30000, undone=True),
    cut("cut-before-the-dynamic-table", "const char big[20000] = {1};", 10000),
    cut("cut-before-the-zeroed-data", "int big[20000] = {1}; int zeroes[9];", 30000),
    cut(
        "cut-before-the-dynamic-table-and-no-interpreter",
        "const char big[20000] = {1};",
        10000,
        interpreter="/none",
        finds=("interpreter-missing /none",),
    ),
    Scenario(
        name="static-program-cut-before-its-entry",
        files={APP: Gcc(HELLO, ("-static",), compiler="cc", after='truncate -s 4096 "$1"')},
        finds=("file-truncated app",),
        roots=("bookworm",),
    ),
    Scenario(
        name="static-program-cut-after-its-entry",
        files={APP: Gcc(HELLO, ("-static",), compiler="cc", after='truncate -s 300000 "$1"')},
        finds=("file-truncated app",),
        roots=("bookworm",),
    ),
)


@pytest.mark.parametrize(("scenario", "root"), CASES, ids=case_name)
def test_toolchains(scenario, root, agree):
    """Ordinary programs start where they do."""
    agree(scenario, root)
