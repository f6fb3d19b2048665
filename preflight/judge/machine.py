"""Does the kernel run programs of this machine?  Source: Linux fs/binfmt_elf.c."""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case, Prediction
from preflight.model.elf import machine_name
from preflight.model.verdict import Finding

# e_ident[EI_OSABI] of systems whose static programs call another kernel.  Source: gABI.
_SYSTEMS = {2: "NetBSD", 6: "Solaris", 7: "AIX", 8: "IRIX", 9: "FreeBSD", 12: "OpenBSD"}


def check_machine(case: Case) -> Iterator[Finding]:
    """The program's machine is the kernel's, a compatible one, or has an emulator."""
    elf = case.elf
    if elf is None or not elf.bits:
        return
    name = machine_name(elf.machine, elf.bits, elf.endian)
    host = case.snapshot.facts.machine or "an unknown machine"
    support = case.support
    if support.kind == "emulated":
        yield Finding(
            code="emulated",
            severity="info",
            subject=name,
            message=f"made for {name}, which this host runs under an emulator: {support.detail}",
            evidence=(f"uname -m: {host}",),
        )
    elif support.kind != "native":
        unknown = support.kind == "unknown"
        reason = f": {support.detail}" if unknown else ""
        yield Finding(
            code="machine-mismatch",
            severity="unknown" if unknown else "error",
            subject=name,
            message=f"made for {name}, the host is {host}{reason}",
            evidence=(f"uname -m: {host}",),
        )


def check_system(case: Case) -> Iterator[Finding]:
    """
    The program is made for Linux; the kernel itself does not look.

    Go says for which system it built.  Of others only the OSABI field hints at
    it, and a dynamic program of another system has no loader here anyway.
    """
    elf, go = case.elf, case.requirements.go
    if elf is None:
        return
    system = (go.setting("GOOS") if go else None) or ""
    hinted = _SYSTEMS.get(elf.osabi, "") if elf.interpreter is None else ""
    if system not in ("", "linux") or (hinted and not go):
        certain = system not in ("", "android")
        yield Finding(
            code="system-mismatch",
            severity="error" if certain else "unknown",
            subject=system or hinted,
            message=f"made for {system or hinted}, the host runs Linux",
            evidence=(f"GOOS={system}" if system else f"the OSABI field is {elf.osabi}",),
        )


def predict(case: Case) -> Prediction:
    """Return what a shell says of ENOEXEC."""
    return Prediction(f"{case.program_name}: Exec format error", 126)
