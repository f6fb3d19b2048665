"""
How distributions name the packages of libraries, loaders and commands: rules, not knowledge.

Source: Debian Policy 8.1 and its own exceptions (the .shlibs of bookworm);
rpm's dependency generator (elfdeps), which names a 64-bit library
``SONAME()(64bit)``; apk-tools, which names it ``so:SONAME``.  Limit: Debian's
rule is for packages of one library.
"""

from __future__ import annotations

import re
from typing import Literal

from preflight.model.elf import Elf, machine_name

Family = Literal["debian", "rpm", "suse", "alpine"]
_FAMILIES: dict[Family, set[str]] = {
    "debian": {"debian", "ubuntu", "raspbian", "linuxmint", "kali", "pop", "devuan"},
    "rpm": {"rhel", "centos", "rocky", "almalinux", "fedora", "ol", "amzn"},
    "suse": {"sles", "opensuse-leap", "opensuse-tumbleweed"},
    "alpine": {"alpine"},
}
SONAME = re.compile(r"(lib[A-Za-z0-9_.+-]+?)\.so\.([0-9][0-9.]*)")
LIBC = re.compile(r"lib(c|m|dl|rt|pthread|resolv|util|mvec|anl)\.so\.[0-9]")
_UNRULY = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libz.so.1": "zlib1g",
    "libgcc_s.so.1": "libgcc-s1",
    "libcrypto.so.3": "libssl3",
    "libcrypto.so.1.1": "libssl1.1",
    "libxml2.so.2": "libxml2",
    "libgobject-2.0.so.0": "libglib2.0-0",
    "libgio-2.0.so.0": "libglib2.0-0",
}
_LOADERS = {
    "/lib64/ld-linux-x86-64.so.2": ("libc6", "glibc", "gcompat"),
    "/lib/ld-linux-aarch64.so.1": ("libc6", "glibc", "gcompat"),
    "/lib/ld-linux-armhf.so.3": ("libc6", "glibc", None),
    "/lib/ld-linux.so.2": ("libc6:i386", "glibc.i686", None),
    "/lib/ld-musl-x86_64.so.1": ("musl", None, "musl"),
    "/lib/ld-musl-aarch64.so.1": ("musl", None, "musl"),
}
_COMMANDS = {"node": "nodejs", "php": "php-cli", "python": "python-is-python3", "tclsh": "tcl"}
_DEBIAN_ARCHES = {
    "x86_64": "amd64",
    "i386": "i386",
    "aarch64": "arm64",
    "arm": "armhf",
    "ppc64le": "ppc64el",
    "s390x": "s390x",
    "riscv64": "riscv64",
}


def family_of(system: str | None) -> Family | None:
    """Return whose rules hold on a system, by the ID of its os-release."""
    return next((family for family, ids in _FAMILIES.items() if system in ids), None)


def debian_package(soname: str) -> str | None:
    """Return the name of the package with *soname*, as Debian's rule has it (libfoo2, libx11-6)."""
    if soname in _UNRULY:
        return _UNRULY[soname]
    parts = SONAME.fullmatch(soname)
    if parts is None:
        return None
    if LIBC.fullmatch(soname):
        return "libc6"
    name = parts[1].lower().replace("_", "-")
    return f"{name}-{parts[2]}" if name[-1].isdigit() else f"{name}{parts[2]}"


def debian_guesses(soname: str, elf: Elf) -> tuple[str, ...]:
    """
    Return what Debian may call the package for programs like *elf*, its architecture named.

    ``t64`` marks the packages that were renamed for 64-bit times in 2024, ``v5``
    those for the ABI of GCC 5.
    """
    package = debian_package(soname)
    if package is None:
        return ()
    arch = _DEBIAN_ARCHES.get(machine_name(elf.machine, elf.bits, elf.endian))
    suffix = f":{arch}" if arch else ""
    return tuple(f"{package}{end}{suffix}" for end in ("", "t64", "v5"))


def loader_package(path: str, family: Family) -> str | None:
    """Return the package with the loader at *path*."""
    debian, rpm, alpine = _LOADERS.get(path, (None, None, None))
    return {"debian": debian, "rpm": rpm, "suse": None, "alpine": alpine}[family]


def loader_guesses(path: str, elf: Elf) -> tuple[str, ...]:
    """Return every name of the package with the loader at *path*."""
    arch = _DEBIAN_ARCHES.get(machine_name(elf.machine, elf.bits, elf.endian))
    debian, _, alpine = _LOADERS.get(path, (None, None, None))
    names = [f"{debian.partition(':')[0]}:{arch}"] if debian and arch else []
    return (*names, *([alpine] if alpine else []))


def command_guess(path: str) -> str:
    """Return the package that the command at *path* is likely to come in."""
    name = path.rpartition("/")[2]
    return _COMMANDS.get(name, name)
