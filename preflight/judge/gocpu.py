"""
Does the CPU have what a Go program was built for: GOAMD64, GOARM, GO386, GOARM64 …?

Source: Go src/runtime/asm_amd64.s, asm_386.s, asm_arm64.s (what the runtime
looks at itself, and says), src/runtime/runtime1.go, check() (the first
floating-point instructions on Arm, before os_linux_arm.go, checkgoarm(), has
its say), src/internal/buildcfg (what each setting lets the compiler use).
Limits: the kernel emulates what GOMIPS=hardfloat asks for, so it is not
looked at; of RISC-V's extensions older kernels do not tell, so that none is
known to be missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct, structs

from preflight.judge.case import Case, Prediction
from preflight.judge.versions import first_line
from preflight.model.elf import X86_LEVELS
from preflight.model.go import GoBuild
from preflight.model.snapshot import Facts
from preflight.model.verdict import Finding, Severity

_ILLEGAL_INSTRUCTION = Prediction(None, 128 + 4)  # SIGILL, of which the program says nothing
_MMX = "This program can only be run on processors with MMX support."
_LSE = "This program can only run on ARM64 processors with LSE support."
_CRYPTO = frozenset(("aes", "pmull", "sha1", "sha2"))
_RISCV = {
    "rva22u64": frozenset(("zba", "zbb", "zbs")),
    "rva23u64": frozenset(("zba", "zbb", "zbs", "zicond", "zfa", "zcb")),
}


class Shortage(Struct, frozen=True):
    """What a setting asks for and the CPU has not, or is not known to have."""

    setting: str  # "GOARM=7"
    lack: str  # "the CPU has no VFPv3"
    severity: Severity
    ending: Prediction | None = None
    subject: str = ""  # where it is not the setting


def check_go_cpu(case: Case) -> Iterator[Finding]:
    """The CPU has what the program was built for."""
    shortage = _shortage(case)
    if shortage is not None:
        yield Finding(
            code="cpu-level-too-low",
            severity=shortage.severity,
            subject=shortage.subject or shortage.setting,
            needed_by=case.requirements.path,
            message=f"built with {shortage.setting}, {shortage.lack}",
        )


def predict_go_cpu(case: Case) -> Prediction | None:
    """Return what the Go runtime says, or the signal where it has no time to."""
    shortage = _shortage(case)
    ending = shortage.ending if shortage else None
    if ending is None or ending.line is None:
        return ending
    return Prediction(first_line(case, ending.line), ending.exit_status)


def _shortage(case: Case) -> Shortage | None:
    build = case.requirements.go
    if wanted := case.requirements.go_level:
        return _amd64(wanted, case.facts)
    if build is None:
        return None
    rule = _RULES.get(build.setting("GOARCH") or "")
    facts, emulated = case.facts, case.support.kind == "emulated"
    if emulated:  # what the emulator shows is not what the host has
        facts = structs.replace(facts, cpu_flags=(), cpu_vendor=None)
    return rule(build, facts, emulated) if rule else None


def _amd64(wanted: str, facts: Facts) -> Shortage | None:
    level = facts.cpu_level
    if wanted not in X86_LEVELS:
        return None
    known = level in X86_LEVELS
    if known and X86_LEVELS.index(level or "") >= X86_LEVELS.index(wanted):
        return None
    name = wanted[-2:]
    line = (
        f"This program can only be run on AMD64 processors with {name} microarchitecture support."
    )
    return Shortage(
        setting=f"GOAMD64={name}",
        lack=f"the CPU is {level or 'of an unknown level'}",
        severity="error" if known else "unknown",
        ending=Prediction(line, 1),
        subject=wanted,
    )


def _386(build: GoBuild, facts: Facts, emulated: bool) -> Shortage | None:
    """Every x86-64 CPU and every emulator has SSE2; the runtime itself looks for MMX alone."""
    setting = f"GO386={build.setting('GO386') or 'sse2'}"
    if emulated or "lm" in facts.cpu_flags or facts.cpu_level or facts.machine == "x86_64":
        return None
    if not facts.cpu_flags:
        return _unknown(setting) if setting == "GO386=sse2" else None
    if "mmx" not in facts.cpu_flags:
        return Shortage(setting, "the CPU has no MMX", "error", Prediction(_MMX, 1))
    if setting == "GO386=sse2" and "sse2" not in facts.cpu_flags:
        return Shortage(setting, "the CPU has no SSE2", "error")
    return None


def _arm(build: GoBuild, facts: Facts, emulated: bool) -> Shortage | None:
    """
    Floating point by hardware, VFPv3 for GOARM=7, and the instructions of that release.

    An emulator's own choice of CPU has all of it, and so has every AArch64
    CPU that runs 32-bit programs (its Features line says fp).
    """
    value = build.setting("GOARM")
    version, _, kind = (value or "").partition(",")
    soft = kind == "softfloat" or (version == "5" and kind != "hardfloat")
    if emulated or value is None:
        return None
    setting = f"GOARM={value}"
    host = re.match(r"armv(\d)", facts.machine or "")
    if host and version.isdigit() and int(host[1]) < int(version):
        lack = f"the CPU is ARMv{host[1]}"
        return Shortage(setting, lack, "error", None if soft else _ILLEGAL_INSTRUCTION)
    if soft or "fp" in facts.cpu_flags:
        return None
    if not facts.cpu_flags:
        return _unknown(setting)
    for flag, name in (("vfp", "VFP"), ("vfpv3", "VFPv3")):
        if flag not in facts.cpu_flags and (flag == "vfp" or version == "7"):
            lack = f"the CPU has no floating-point unit of the kind {name}"
            return Shortage(setting, lack, "error", _ILLEGAL_INSTRUCTION)
    return None


def _arm64(build: GoBuild, facts: Facts, _emulated: bool) -> Shortage | None:
    """From v8.1 on the compiler uses LSE, which the runtime looks for; of crypto nobody looks."""
    value = build.setting("GOARM64") or "v8.0"
    version, *options = value.split(",")
    setting = f"GOARM64={value}"
    lse = version != "v8.0" or "lse" in options
    crypto = "crypto" in options
    if (lse or crypto) and not facts.cpu_flags:
        return _unknown(setting)
    if lse and "atomics" not in facts.cpu_flags:
        return Shortage(setting, "the CPU has no LSE", "error", Prediction(_LSE, 1))
    if crypto and not set(facts.cpu_flags) >= _CRYPTO:
        return Shortage(setting, "the CPU has not all of the crypto extension", "warning")
    return None


def _ppc64(build: GoBuild, facts: Facts, _emulated: bool) -> Shortage | None:
    """The runtime does not look, and dies of its own first instruction that the CPU lacks."""
    wanted = re.fullmatch(r"power(\d+)", build.setting("GOPPC64") or "power8")
    has = re.match(r"POWER(\d+)", facts.cpu_vendor or "", re.IGNORECASE)
    if wanted is None:
        return None
    setting = f"GOPPC64={wanted[0]}"
    if has is None:
        return _unknown(setting) if int(wanted[1]) > 8 else None
    if int(has[1]) < int(wanted[1]):
        lack = f"the CPU is POWER{has[1]}"
        return Shortage(setting, lack, "error", _ILLEGAL_INSTRUCTION)
    return None


def _riscv64(build: GoBuild, facts: Facts, _emulated: bool) -> Shortage | None:
    value = build.setting("GORISCV64") or ""
    told = set("_".join(facts.cpu_flags).lower().split("_"))
    missing = sorted(_RISCV.get(value, frozenset()) - told)
    if not missing:
        return None
    lack = f"the kernel does not tell that the CPU has {', '.join(missing)}"
    return Shortage(f"GORISCV64={value}", lack, "unknown")


def _unknown(setting: str) -> Shortage:
    return Shortage(setting, "the CPU's features are not known", "unknown")


_RULES: dict[str, Callable[[GoBuild, Facts, bool], Shortage | None]] = {
    "386": _386,
    "arm": _arm,
    "arm64": _arm64,
    "ppc64": _ppc64,
    "ppc64le": _ppc64,
    "riscv64": _riscv64,
}
