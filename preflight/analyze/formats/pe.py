"""Windows programs and libraries.  Source: Microsoft, "PE Format"."""

from __future__ import annotations

from preflight.analyze.formats.found import Found, Sample

MACHINES = {
    0x014C: "x86",
    0x01C0: "ARM",
    0x01C4: "ARM",
    0x0200: "Itanium",
    0x0EBC: "EFI byte code",
    0x5032: "RISC-V (32-bit)",
    0x5064: "RISC-V (64-bit)",
    0x6232: "LoongArch (32-bit)",
    0x6264: "LoongArch (64-bit)",
    0x8664: "x86-64",
    0xA641: "ARM64EC",
    0xAA64: "ARM64",
}
_MAGICS = {0x10B: "PE32", 0x20B: "PE32+"}
_IS_DLL = 0x2000  # IMAGE_FILE_DLL
_SUBSYSTEMS = {1: "native program", 2: "graphical program", 3: "console program"}
EFI = range(10, 14)
# Offsets from the PE signature, which stands at the offset that the DOS header names.
_SIGNATURE_AT = 0x3C
_MACHINE, _CHARACTERISTICS, _OPTIONAL = 4, 22, 24
_SUBSYSTEM = _OPTIONAL + 68
# The CLR header's entry in the data directories, which PE32+ has 16 bytes later.
_CLR = {0x10B: _OPTIONAL + 96 + 14 * 8, 0x20B: _OPTIONAL + 112 + 14 * 8}


def detect_pe(sample: Sample) -> Found | None:
    """Recognise PE32 and PE32+, with machine and purpose; and a DOS program, without."""
    if not sample.head.startswith(b"MZ") or len(sample.head) < _SIGNATURE_AT + 4:
        return None
    at = sample.number("<I", _SIGNATURE_AT)
    if sample.read(at, 4) != b"PE\0\0":
        return Found("unknown", "a DOS program") if b"\0" in sample.head[:64] else None
    machine = sample.number("<H", at + _MACHINE)
    magic = sample.number("<H", at + _OPTIONAL)
    name = MACHINES.get(machine, f"machine {machine:#06x}")
    return Found("pe", f"a {_MAGICS.get(magic, 'PE')} {_purpose(sample, at, magic, name)}")


def _purpose(sample: Sample, at: int, magic: int, machine: str) -> str:
    subsystem = sample.number("<H", at + _SUBSYSTEM)
    if subsystem in EFI:
        return f"EFI program for {machine}"
    if sample.number("<H", at + _CHARACTERISTICS) & _IS_DLL:
        kind = "library (DLL)"
    else:
        kind = _SUBSYSTEMS.get(subsystem, "program")
    dotnet = magic in _CLR and sample.number("<I", at + _CLR[magic])
    return f"{'.NET ' if dotnet else ''}{kind} for {machine} Windows"
