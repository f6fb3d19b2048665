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
_AT_NULL, _AT_PAGESZ = 0, 6


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
    """
    Return AT_PAGESZ in bytes.  Source: getauxval(3).

    The vector has the class and byte order of the tool that read it.
    """
    if "proc" not in outputs:
        return NO_PROC
    sizes = (_page_size(outputs.get("auxv", b""), form) for form in ("<QQ", "<II", ">QQ", ">II"))
    found = next(filter(None, sizes), None)
    return found or Unknown("/proc/self/auxv names no page size")


def _page_size(vector: bytes, form: str) -> int | None:
    whole = len(vector) - len(vector) % struct.calcsize(form)
    size = None
    for kind, value in struct.iter_unpack(form, vector[:whole]):
        if kind == _AT_NULL:
            return size
        if kind == _AT_PAGESZ and 1024 <= value <= 1 << 24 and value & (value - 1) == 0:
            size = value
        if kind > 4096:
            return None
    return None
