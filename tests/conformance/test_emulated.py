"""Programs of another machine, run by qemu-user through binfmt_misc."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builders.elf import Symbol
from tests.conformance.builds import Copy, Dir, Link, Raw, elf
from tests.conformance.prepare import chmod, noexec
from tests.conformance.scenario import APP, Scenario, case_name, cases
from tests.hosts import binfmt

pytestmark = pytest.mark.hosts

A = "/opt/app/a"
X = "libx.so.1"
LD = "/lib/ld-linux-aarch64.so.1"
ARM64 = 183
# exit(0): mov x0, 0; mov x8, 93; svc 0.
EXIT = bytes.fromhex("000080d2a80b80d2010000d4")


@pytest.fixture(autouse=True, scope="module")
def handler() -> Iterator[None]:
    """Have arm64 programs run as long as these tests do."""
    with binfmt.registered():
        yield


def app(**fields: object) -> Raw:
    """Return an arm64 program."""
    return elf(machine=ARM64, code=EXIT, **({"interpreter": LD} | fields))


CASES = cases(
    Scenario(name="starts", files={APP: app()}, roots=("arm64",)),
    Scenario(
        name="static",
        files={APP: app(interpreter=None, type=2, dynamic=False)},
        roots=("arm64", "bookworm"),
    ),
    Scenario(name="needs-libc", files={APP: app(needed=("libc.so.6",))}, roots=("arm64",)),
    Scenario(
        name="library-absent",
        files={APP: app(needed=(X,))},
        roots=("arm64",),
        finds=(f"library-missing {X}",),
    ),
    Scenario(
        name="version-missing",
        files={APP: app(needed=("libc.so.6",), version_needs={"libc.so.6": ("GLIBC_2.99",)})},
        roots=("arm64",),
        finds=("version-missing libc.so.6:GLIBC_2.99",),
    ),
    Scenario(
        name="symbol-missing",
        files={
            APP: app(needed=(X,), runpath=A, symbols=(Symbol("f", use="data"),)),
            f"{A}/{X}": elf(machine=ARM64, soname=X),
        },
        roots=("arm64",),
        finds=("symbol-missing f",),
    ),
    Scenario(
        name="symbol-called-later",
        files={
            APP: app(needed=(X,), runpath=A, symbols=(Symbol("f", use="slot"),)),
            f"{A}/{X}": elf(machine=ARM64, soname=X),
        },
        roots=("arm64",),
        finds=("symbol-missing-lazy f",),
    ),
    Scenario(
        name="function-with-its-own-calling-convention",
        files={
            APP: app(
                needed=(X,),
                runpath=A,
                tags=((0x70000005, 0),),
                symbols=(Symbol("f", use="slot", other=0x80),),
            ),
            f"{A}/{X}": elf(machine=ARM64, soname=X),
        },
        roots=("arm64",),
        finds=("symbol-missing f",),
    ),
    Scenario(
        name="platform",
        files={
            APP: app(needed=(X,), runpath="/opt/$PLATFORM"),
            f"/opt/aarch64/{X}": elf(machine=ARM64, soname=X),
        },
        roots=("arm64",),
    ),
    Scenario(
        name="lib-token",
        files={
            APP: app(needed=(X,), runpath="/opt/$LIB"),
            f"/opt/lib/aarch64-linux-gnu/{X}": elf(machine=ARM64, soname=X),
        },
        roots=("arm64",),
    ),
    Scenario(
        name="native-library-first",
        files={
            APP: app(needed=(X,), runpath=f"{A}:/opt/app/b"),
            f"{A}/{X}": elf(soname=X),
            f"/opt/app/b/{X}": elf(machine=ARM64, soname=X),
        },
        roots=("arm64",),
    ),
    Scenario(
        name="interpreter-absent",
        files={APP: app()},
        roots=("bookworm",),
        finds=(f"interpreter-missing {LD}",),
    ),
    Scenario(
        name="interpreter-not-executable",
        files={APP: app(interpreter="/opt/ld"), "/opt/ld": Copy(LD)},
        prepare=chmod("/opt/ld", 0o644),
        roots=("arm64",),
    ),
    Scenario(
        name="interpreter-is-a-directory",
        files={APP: app(interpreter="/opt/ld"), "/opt/ld": Dir()},
        finds=("interpreter-unusable /opt/ld",),
        roots=("arm64",),
    ),
    Scenario(
        name="interpreter-is-a-loop",
        files={APP: app(interpreter="/opt/ld"), "/opt/ld": Link("ld")},
        finds=("interpreter-unusable /opt/ld",),
        roots=("arm64",),
    ),
    Scenario(
        name="library-on-a-noexec-mount",
        files={APP: app(needed=(X,), runpath=A), f"{A}/{X}": elf(machine=ARM64, soname=X)},
        prepare=noexec(A),
        roots=("arm64",),
    ),
    Scenario(
        name="program-on-a-noexec-mount",
        files={APP: app()},
        prepare=noexec("/opt/app/bin"),
        finds=(f"mount-noexec {APP}",),
        roots=("arm64",),
    ),
    Scenario(
        name="interpreter-is-text",
        files={
            APP: app(interpreter="/opt/ld"),
            "/opt/ld": Raw(b"this is no loader, but long enough\n" * 9),
        },
        roots=("arm64",),
        finds=("interpreter-unusable /opt/ld",),
    ),
    Scenario(
        name="interpreter-is-native",
        files={APP: app(interpreter="/opt/ld"), "/opt/ld": elf()},
        roots=("arm64",),
        finds=("interpreter-unusable /opt/ld",),
    ),
    Scenario(
        name="interpreter-is-empty",
        files={APP: app(interpreter="/opt/ld"), "/opt/ld": Raw(b"")},
        roots=("arm64",),
        finds=("interpreter-unusable /opt/ld",),
    ),
)


@pytest.mark.parametrize(("scenario", "root"), CASES, ids=case_name)
def test_emulated(scenario, root, agree):
    """What qemu and the loader under it do is foretold."""
    agree(scenario, root)
