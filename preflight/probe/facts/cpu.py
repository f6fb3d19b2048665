"""What the processor can do."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from preflight.model import text
from preflight.probe.facts.outputs import NO_PROC, Outputs, Unknown
from preflight.probe.facts.system import parse_machine

# x86-64 psABI, "Micro-Architecture Levels", in the names of /proc/cpuinfo: pni
# is SSE3 and abm is LZCNT.  OSXSAVE has no name of its own: the kernel shows
# avx only where it has switched the states on.
_LEVELS = (
    ("x86-64", ("lm", "cmov", "cx8", "fpu", "fxsr", "mmx", "syscall", "sse", "sse2")),
    ("x86-64-v2", ("cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3")),
    ("x86-64-v3", ("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave")),
    ("x86-64-v4", ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")),
)
_FLAGS = ("flags", "features", "Features", "isa")  # x86, s390x, Arm, RISC-V
_VENDOR = ("vendor_id", "CPU implementer", "mvendorid", "cpu")
_X86 = ("x86_64", "i386", "i486", "i586", "i686")
_AT_NULL, _AT_PAGESZ, _AT_PLATFORM = 0, 6, 15


def parse_flags(outputs: Outputs) -> tuple[str, ...] | Unknown:
    """Return the flags of the first processor."""
    words = _field(outputs, _FLAGS)
    return words if isinstance(words, Unknown) else _split(words)


def parse_vendor(outputs: Outputs) -> str | Unknown:
    """Return the vendor of the first processor, in the kernel's words."""
    return _field(outputs, _VENDOR)


def parse_level(outputs: Outputs) -> str | Unknown | None:
    """Return the x86-64 level, None on other machines and on 32-bit processors."""
    machine = parse_machine(outputs)
    if machine not in _X86:
        return machine if isinstance(machine, Unknown) else None
    flags = parse_flags(outputs)
    return flags if isinstance(flags, Unknown) else _level(flags)


@lru_cache(maxsize=64)
def _split(words: str) -> tuple[str, ...]:
    """Return the words, which all hosts with such a processor share."""
    return tuple(words.split())


@lru_cache(maxsize=64)
def _level(flags: tuple[str, ...]) -> str | None:
    reached = None
    for level, needed in _LEVELS:
        if not set(needed) <= set(flags):
            break
        reached = level
    return reached


def _field(outputs: Outputs, names: tuple[str, ...]) -> str | Unknown:
    if "cpu" not in outputs:
        return NO_PROC
    values = _fields(outputs["cpu"])
    found = next((values[name] for name in names if name in values), None)
    return found if found is not None else Unknown(f"/proc/cpuinfo has no line {names[0]!r}")


@lru_cache(maxsize=64)
def _fields(cpuinfo: bytes) -> Mapping[str, str]:
    """Return the fields of /proc/cpuinfo; the first processor's come first, and count."""
    pairs = [line.partition(":") for line in text.decode(cpuinfo).split("\n") if line]
    return MappingProxyType({n.strip(): value.strip() for n, _, value in reversed(pairs)})


def parse_page_size(outputs: Outputs) -> int | Unknown:
    """Return AT_PAGESZ in bytes.  Source: getauxval(3)."""
    vector = _vector(outputs)
    return vector if isinstance(vector, Unknown) else vector[_AT_PAGESZ]


def parse_at_platform(outputs: Outputs) -> bool | Unknown:
    """Return whether there is an AT_PLATFORM: qemu has none for x86-64.  Source: getauxval(3)."""
    vector = _vector(outputs)
    return vector if isinstance(vector, Unknown) else bool(vector.get(_AT_PLATFORM))


def _vector(outputs: Outputs) -> dict[int, int] | Unknown:
    """Return the auxiliary vector; it has the class and byte order of the tool that read it."""
    if "proc" not in outputs:
        return NO_PROC
    forms = ("<QQ", "<II", ">QQ", ">II")
    found = (_entries(outputs.get("auxv", b""), form) for form in forms)
    return next(filter(None, found), None) or Unknown("/proc/self/auxv names no page size")


def _entries(vector: bytes, form: str) -> dict[int, int] | None:
    """Return the entries, None where they make no sense in this form."""
    whole = len(vector) - len(vector) % struct.calcsize(form)
    entries: dict[int, int] = {}
    for kind, value in struct.iter_unpack(form, vector[:whole]):
        if kind == _AT_NULL:
            break
        if kind > 4096:
            return None
        entries[kind] = value
    size = entries.get(_AT_PAGESZ, 0)
    return entries if 1024 <= size <= 1 << 24 and size & (size - 1) == 0 else None
