"""Version needs against version definitions.  Source: glibc elf/dl-version.c."""

from __future__ import annotations

import pytest

from tests.conformance.builds import elf, library, program, runpath
from tests.conformance.scenario import APP, Scenario, case_name, cases

pytestmark = pytest.mark.hosts

A, B = "/opt/app/a", "/opt/app/b"
X = "libx.so.1"
LD = "/lib64/ld-linux-x86-64.so.2"
MODERN = ("bookworm", "trixie", "sid")
V1 = "V1 { global: old; local: *; };"
V12 = "V1 { global: old; local: *; }; V2 { global: new; } V1;"
SOURCE = "int old(void){return 1;} int new(void){return 2;} int data = 3;"
OLD = library(X, source=SOURCE, script=V1)
NEW = library(X, source=SOURCE, script=V12)
BARE = library(X, source=SOURCE)
USES_NEW = "int new(void); int (*pointer)(void) = new;"
CALLS_NEW = "int new(void); int call(void){return new();}"
LINKED = ((X, NEW),)


def app(source: str = USES_NEW, *flags: str):
    """Return a program linked with the new libx.so.1."""
    return program(source=source, flags=(*runpath(A), *flags), links=LINKED)


NODES = cases(
    Scenario(name="nodes-there", files={APP: app(), f"{A}/{X}": NEW}),
    Scenario(
        name="node-missing",
        files={APP: app(), f"{A}/{X}": OLD},
        finds=("version-missing libx.so.1:V2",),
    ),
    Scenario(
        name="node-missing-though-only-called",
        files={APP: app(CALLS_NEW, "-Wl,-z,lazy"), f"{A}/{X}": OLD},
        finds=("version-missing libx.so.1:V2",),
    ),
    Scenario(
        name="two-objects-miss-nodes",
        files={
            APP: program("liby.so.1", source=USES_NEW, flags=runpath(A), links=LINKED),
            f"{A}/{X}": OLD,
            f"{A}/liby.so.1": library("liby.so.1", source=USES_NEW, flags=runpath(A), links=LINKED),
        },
        finds=("version-missing libx.so.1:V2",),
    ),
    Scenario(
        name="node-there-and-symbol-missing",
        files={APP: app(), f"{A}/{X}": library(X, source="int old(void){return 1;}", script=V12)},
        finds=("symbol-missing new@V2",),
    ),
    Scenario(
        name="provider-without-versions",
        files={APP: app(), f"{A}/{X}": BARE},
        finds={
            "bullseye": ("version-info-missing libx.so.1:V2", "symbol-missing new@V2"),
            "bookworm": ("version-info-missing libx.so.1:V2", "symbol-missing new@V2"),
            "trixie": ("version-info-missing libx.so.1:V2",),
            "sid": ("version-info-missing libx.so.1:V2",),
        },
    ),
    Scenario(
        name="provider-with-needs-only",
        files={
            APP: app(),
            f"{A}/{X}": library(
                X,
                source=SOURCE + "int strange(void); int f(void){return strange();}",
                flags=runpath(A),
                links=(
                    (
                        "libz.so.9",
                        library(
                            "libz.so.9",
                            source="int strange(void){return 1;}",
                            script="Z { global: *; };",
                        ),
                    ),
                ),
            ),
            f"{A}/libz.so.9": library(
                "libz.so.9", source="int strange(void){return 1;}", script="Z { global: *; };"
            ),
        },
        finds=("version-info-missing libx.so.1:V2",),
    ),
    Scenario(
        name="weak-node-missing",
        files={
            APP: elf(
                interpreter=LD,
                needed=(X,),
                runpath=A,
                version_needs={X: ("V1", "V9")},
                weak_versions=("V9",),
            ),
            f"{A}/{X}": OLD,
        },
        finds=("version-weak-missing libx.so.1:V9",),
    ),
    Scenario(
        name="all-missing-nodes-are-listed",
        files={
            APP: elf(interpreter=LD, needed=(X,), runpath=A, version_needs={X: ("V7", "V1", "V8")}),
            f"{A}/{X}": OLD,
        },
        finds=("version-missing libx.so.1:V7", "version-missing libx.so.1:V8"),
    ),
    Scenario(
        name="need-of-a-file-never-requested",
        files={
            APP: elf(interpreter=LD, needed=(X,), runpath=A, version_needs={"libq.so": ("V1",)}),
            f"{A}/{X}": OLD,
        },
        finds=("version-inconsistent libq.so:V1",),
    ),
    Scenario(
        name="need-of-a-raw-soname",
        files={
            APP: elf(interpreter=LD, needed=("alias.so",), runpath=A, version_needs={X: ("V1",)}),
            f"{A}/alias.so": OLD,
        },
        finds=(f"version-inconsistent {X}:V1",),
    ),
    Scenario(
        name="need-of-a-token",
        files={
            APP: elf(
                interpreter=LD,
                needed=("$ORIGIN/../a/libx.so.1",),
                version_needs={"$ORIGIN/../a/libx.so.1": ("V1",)},
            ),
            f"{A}/{X}": OLD,
        },
        finds=("version-inconsistent $ORIGIN/../a/libx.so.1:V1",),
    ),
    Scenario(
        name="glibc-node-of-the-future",
        files={
            APP: elf(
                interpreter=LD, needed=("libc.so.6",), version_needs={"libc.so.6": ("GLIBC_2.99",)}
            )
        },
        finds=("version-missing libc.so.6:GLIBC_2.99",),
    ),
    Scenario(
        name="missing-library-beats-missing-node",
        files={
            APP: elf(
                interpreter=LD,
                needed=(X, "libq.so"),
                runpath=A,
                version_needs={X: ("V7",)},
            ),
            f"{A}/{X}": OLD,
        },
        finds=("version-missing libx.so.1:V7", "library-missing libq.so"),
    ),
)

RELR_FLAG = ("-Wl,-z,pack-relative-relocs",)
POINTERS = "int a; int *p = &a;"
RELR_TAGS = ((36, 0), (35, 0), (37, 8))  # DT_RELR, DT_RELRSZ, DT_RELRENT
RELR = cases(
    Scenario(
        name="relr-with-its-node",
        files={
            APP: elf(
                interpreter=LD,
                needed=("libc.so.6",),
                tags=RELR_TAGS,
                version_needs={"libc.so.6": ("GLIBC_ABI_DT_RELR",)},
            )
        },
        finds={
            "bullseye": (
                "version-missing libc.so.6:GLIBC_ABI_DT_RELR",
                f"undecided {APP}",
            ),
            **dict.fromkeys(MODERN, ()),
        },
    ),
    Scenario(
        name="relr-without-its-node",
        files={
            APP: elf(
                interpreter=LD,
                needed=("libc.so.6",),
                tags=RELR_TAGS,
                version_needs={"libc.so.6": ("GLIBC_2.2.5",)},
            )
        },
        finds=("version-inconsistent libc.so.6:GLIBC_ABI_DT_RELR",),
        roots=MODERN,
    ),
    Scenario(
        name="relr-without-any-need-of-libc",
        files={APP: elf(interpreter=LD, tags=RELR_TAGS)},
        roots=MODERN,
    ),
    Scenario(
        name="relr-is-not-known",
        files={APP: elf(interpreter=LD, tags=RELR_TAGS)},
        finds=(f"undecided {APP}",),
        roots=("bullseye",),
        undone=True,
    ),
    Scenario(
        name="relr-without-version-needs",
        files={APP: elf(interpreter=LD, needed=("libc.so.6",), tags=RELR_TAGS)},
        roots=MODERN,
    ),
)


@pytest.mark.parametrize(("scenario", "root"), [*NODES, *RELR], ids=case_name)
def test_versions(scenario, root, agree):
    """Versions are compared as ld.so compares them."""
    agree(scenario, root)
