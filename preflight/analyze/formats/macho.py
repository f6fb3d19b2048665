"""Programs and libraries of Apple's systems.  Source: mach-o/loader.h and mach-o/fat.h."""

from __future__ import annotations

from preflight.analyze.formats.found import Found, Sample

# Magic number, as bytes, → byte order and bits.
MAGICS = {
    b"\xfe\xed\xfa\xce": (">", 32),
    b"\xfe\xed\xfa\xcf": (">", 64),
    b"\xce\xfa\xed\xfe": ("<", 32),
    b"\xcf\xfa\xed\xfe": ("<", 64),
}
# Universal files: bytes of one fat_arch.
UNIVERSAL = {b"\xca\xfe\xba\xbe": 20, b"\xca\xfe\xba\xbf": 32}
# A Java class has the same magic and its version, 45 or more, where the count stands.
MAX_MACHINES = 44
_MACHINES = {
    7: "i386",
    0x01000007: "x86_64",
    12: "arm",
    0x0100000C: "arm64",
    0x0200000C: "arm64_32",
    18: "ppc",
    0x01000012: "ppc64",
}
# cputype, cpusubtype without its capabilities → a machine of its own.  Source: mach/machine.h.
_SUBTYPES = {
    (0x01000007, 8): "x86_64h",
    (0x0100000C, 2): "arm64e",
    (12, 6): "armv6",
    (12, 9): "armv7",
    (12, 11): "armv7s",
    (12, 12): "armv7k",
}
_KINDS = {
    1: "object file",
    2: "program",
    4: "core dump",
    6: "library (dylib)",
    7: "dynamic linker",
    8: "bundle",
    10: "debug information file",
    11: "kernel extension",
}


def detect_macho(sample: Sample) -> Found | None:
    """Recognise a Mach-O file, thin or universal, with its machines."""
    magic = sample.head[:4]
    if magic in MAGICS:
        machine = machine_of(sample.number(MAGICS[magic][0] + "I", 4))
        return Found("mach-o", f"a Mach-O {_kind(sample, 0)} for {machine} Apple systems")
    if magic in UNIVERSAL:
        return _universal(sample, UNIVERSAL[magic])
    return None


def _universal(sample: Sample, entry_bytes: int) -> Found | None:
    count = sample.number(">I", 4)
    if not 0 < count <= MAX_MACHINES:
        return None
    entries = [8 + entry_bytes * index for index in range(count)]
    machines = [machine_of(sample.number(">I", entry)) for entry in entries]
    first = sample.number(">I" if entry_bytes == 20 else ">Q", entries[0] + 8)
    names = ", ".join(machines[:-1]) + " and " * (count > 1) + machines[-1]
    return Found("mach-o", f"a universal Mach-O {_kind(sample, first)} for {names} Apple systems")


def machine_of(number: int, subtype: int = 0) -> str:
    """Return the name of a cputype, with *subtype* where that is no mere detail."""
    known = _MACHINES.get(number, f"machine-{number:#x}")
    return _SUBTYPES.get((number, subtype), known)


def _kind(sample: Sample, offset: int) -> str:
    order, _ = MAGICS.get(sample.read(offset, 4), (">", 0))
    return _KINDS.get(sample.number(order + "I", offset + 12), "file")
