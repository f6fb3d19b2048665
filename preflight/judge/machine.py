"""Does the kernel run programs of this machine?  Source: Linux fs/binfmt_elf.c."""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case, Prediction
from preflight.model.elf import machine_name
from preflight.model.verdict import Finding


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


def predict(case: Case) -> Prediction:
    """Return what a shell says of ENOEXEC."""
    return Prediction(f"{case.program_name}: Exec format error", 126)
