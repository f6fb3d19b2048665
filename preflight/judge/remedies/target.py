"""
What toolchains call a machine, by what ``uname -m`` calls it.

Source: Debian's cross compilers (``gcc-aarch64-linux-gnu``), ``zig targets``, Rust's platform
support, Go src/internal/goarch.  Of other machines nothing is guessed: what an armv6l has for
an ABI, its kernel does not tell.
"""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """One machine with glibc."""

    gnu: str  # the prefix of GCC's commands
    zig: str
    rust: str
    goarch: str


_X86 = Target("i686-linux-gnu", "x86-linux-gnu", "i686-unknown-linux-gnu", "386")
TARGETS = {
    "aarch64": Target(
        "aarch64-linux-gnu", "aarch64-linux-gnu", "aarch64-unknown-linux-gnu", "arm64"
    ),
    "armv7l": Target(
        "arm-linux-gnueabihf", "arm-linux-gnueabihf", "armv7-unknown-linux-gnueabihf", "arm"
    ),
    "i386": _X86,
    "i586": _X86,
    "i686": _X86,
    "ppc64le": Target(
        "powerpc64le-linux-gnu", "powerpc64le-linux-gnu", "powerpc64le-unknown-linux-gnu", "ppc64le"
    ),
    "riscv64": Target(
        "riscv64-linux-gnu", "riscv64-linux-gnu", "riscv64gc-unknown-linux-gnu", "riscv64"
    ),
    "s390x": Target("s390x-linux-gnu", "s390x-linux-gnu", "s390x-unknown-linux-gnu", "s390x"),
    "x86_64": Target("x86_64-linux-gnu", "x86_64-linux-gnu", "x86_64-unknown-linux-gnu", "amd64"),
}


def musl(name: str) -> str:
    """Return the same target with musl in place of glibc."""
    return name.replace("-gnu", "-musl")
