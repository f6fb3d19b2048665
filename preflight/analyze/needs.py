"""What an ELF file asks of a host, in the words of the report."""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator
from typing import Literal

from preflight.model import text
from preflight.model.elf import (
    EM_386,
    EM_X86_64,
    ET_CORE,
    ET_REL,
    SYMBOL_RECORD,
    X86_LEVELS,
    Elf,
    machine_name,
)
from preflight.model.requirements import GlibcFloor, GlibcStep

_NUMERIC = re.compile(r"(GLIBC|GLIBCXX)_(\d+(?:\.\d+)*)")
# Non-numeric versions that came with a release (glibc's own Versions files).
_ABI_RELEASES = {"GLIBC_ABI_DT_RELR": (2, 36)}
_MUSL_LOADER = re.compile(r"ld-musl-[^/]*")
_GLIBC_LOADER = re.compile(r"ld(?:64|-linux[\w-]*)?\.so\.\d+")

_STEP_SYMBOLS = 8
_INDEX = 0x7FFF  # of a version, without the bit that hides the symbol

_Release = tuple[int, ...]
Family = Literal["GLIBC", "GLIBCXX"]  # what versions of glibc and of libstdc++ begin with


def glibc_floor(elf: Elf) -> GlibcFloor | None:
    """
    Return the oldest glibc that has every GLIBC_ version needed, None where none is.

    Its symbols are those bound to a version of just that release: take them
    away and the floor sinks.
    """
    needed = _needed_releases(elf)
    return GlibcFloor(_dotted(max(needed)), tuple(sorted(needed[max(needed)]))) if needed else None


def glibc_steps(elf: Elf, family: Family = "GLIBC") -> tuple[GlibcStep, ...]:
    """Return what holds a library's floor up, release by release, the newest first."""
    return tuple(
        GlibcStep(_dotted(release), tuple(sorted(symbols)[:_STEP_SYMBOLS]), len(symbols))
        for release, symbols in sorted(_needed_releases(elf, family).items(), reverse=True)
    )


def _needed_releases(elf: Elf, family: Family = "GLIBC") -> dict[_Release, set[str]]:
    """Return the releases whose versions are needed, each with the symbols bound to it."""
    releases = {
        version.index: release
        for need in elf.version_needs
        for version in need.versions
        if (release := _release(version.name, family))
    }
    found: dict[_Release, set[str]] = {release: set() for release in releases.values()}
    for index, name in _bound_symbols(elf, releases):
        found[releases[index]].add(name)
    return found


def _dotted(release: _Release) -> str:
    return ".".join(map(str, release))


def _release(version: str, family: Family) -> _Release | None:
    if family == "GLIBC" and version in _ABI_RELEASES:
        return _ABI_RELEASES[version]
    match = _NUMERIC.fullmatch(version)
    return tuple(map(int, match[2].split("."))) if match and match[1] == family else None


def _bound_symbols(elf: Elf, indexes: Collection[int]) -> Iterator[tuple[int, str]]:
    """Yield version index and name of the symbols bound to one of these versions."""
    if elf.symbols is None:
        return
    names = elf.symbols.names.split(b"\0")
    records = struct.iter_unpack(SYMBOL_RECORD, elf.symbols.records)
    for name, record in zip(names, records, strict=False):
        index = record[0] & _INDEX
        if index in indexes:
            yield index, text.decode(name)


def libc(elf: Elf) -> Literal["glibc", "musl"] | None:
    """Return which C library the file is linked for, None where it does not say."""
    loader = (elf.interpreter or "").rpartition("/")[2]
    if _MUSL_LOADER.fullmatch(loader):
        return "musl"
    if _GLIBC_LOADER.fullmatch(loader):
        return "glibc"
    if any(name.startswith("libc.musl-") for name in elf.needed):
        return "musl"
    # The name that musl itself uses; bionic's libc.so, called the same, has versions.
    if "libc.so" in elf.needed and all(need.library != "libc.so" for need in elf.version_needs):
        return "musl"
    versions = (v.name for need in elf.version_needs for v in need.versions)
    return "glibc" if any(name.startswith("GLIBC_") for name in versions) else None


def x86_isa_needed(elf: Elf) -> str | None:
    """
    Return the CPU level of the ISA note; bits that have no name yet stand as a number.

    Source: x86-64 psABI, "Program Property" (GNU_PROPERTY_X86_ISA_1_NEEDED).
    """
    bits = elf.isa_needed
    if elf.machine not in (EM_386, EM_X86_64) or not bits:
        return None
    if bits >> len(X86_LEVELS):
        return f"ISA {bits:#x}"
    return X86_LEVELS[bits.bit_length() - 1]


def describe(elf: Elf) -> str:
    """Return one plain sentence; a file that is not whole ends it with what is wrong."""
    if not elf.bits:
        return f"an ELF file that cannot be read: {elf.defect}"
    machine = machine_name(elf.machine, elf.bits, elf.endian)
    sentence = f"a {elf.bits}-bit {elf.endian}-endian {machine} {_kind(elf)}"
    return sentence if elf.defect is None else f"{sentence}; it is damaged: {elf.defect}"


def _kind(elf: Elf) -> str:
    if elf.interpreter is not None:
        return f"executable, dynamically linked, interpreter {elf.interpreter}"
    if elf.type in (ET_REL, ET_CORE):
        return "relocatable object" if elf.type == ET_REL else "core dump"
    kinds = {
        "static": "executable, statically linked",
        "static-pie": "executable, statically linked, position-independent",
        "shared-object": "shared library",
    }
    return kinds.get(elf.kind, f"ELF file of type {elf.type}")
