"""
Does the CPU reach the level that the program and its libraries are marked for?

Source: glibc sysdeps/x86/dl-prop.h, dl_isa_level_check(); x86-64 psABI,
"Micro-Architecture Levels".
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case, Prediction
from preflight.judge.versions import first_line
from preflight.loader.glibc.release import rules_of
from preflight.loader.setting import Object
from preflight.model.elf import X86_LEVELS, Elf
from preflight.model.question import ElfContent
from preflight.model.verdict import Finding, Severity


def check_loader(case: Case) -> Iterator[Finding]:
    """
    The loader itself was built for the CPU.

    Source: glibc sysdeps/x86/dl-get-cpu-features.c; what it was built for
    stands in its own note (sysdeps/x86/isa-level.c).
    """
    answer = case.interpreter
    if not isinstance(answer, ElfContent) or case.interpreter_path is None:
        return
    identity = answer.elf.identity
    if identity and identity.family == "glibc" and _beyond(case, answer.elf) is not False:
        yield _finding(case, case.interpreter_path, answer.elf, "error")


def predict_loader(case: Case) -> Prediction | None:
    """Return the loader's last words."""
    answer = case.interpreter
    if not isinstance(answer, ElfContent):
        return None
    level = _wanted(answer.elf)
    return Prediction(f"Fatal glibc error: CPU does not support {level}", 127)


def check_cpu_level(case: Case) -> Iterator[Finding]:
    """Every object's ISA note is covered by the CPU; a static program's is only advice."""
    if case.elf is None:
        return
    if case.elf.kind in ("static", "static-pie"):
        if _beyond(case, case.elf) is not False:
            yield _finding(case, case.requirements.path, case.elf, "warning")
        return
    for entry in _marked(case):
        yield _finding(case, entry.path, entry.elf, "error")


def predict(case: Case) -> Prediction:
    """Return the line for the last object in load order, which is checked first."""
    failing = [entry for entry in _marked(case) if _beyond(case, entry.elf)]
    name = failing[-1].path if failing else case.argv0
    line = f"{name}: CPU ISA level is lower than required"
    return Prediction(first_line(case, line), 127)


def _marked(case: Case) -> list[Object]:
    """Return the objects that want more than the CPU has, or that nobody can tell about."""
    resolution = case.resolution
    if resolution is None or not rules_of(resolution.release or (2, 36)).checks_isa:
        return []
    if resolution.family != "glibc":
        return []
    opened = case.opener is not None
    entries = (entry for entry in resolution.objects if entry.opened == opened)
    return [entry for entry in entries if _beyond(case, entry.elf) is not False]


def _beyond(case: Case, elf: Elf) -> bool | None:
    """Whether *elf* wants more than the CPU has; None where the CPU's level is not known."""
    if elf.isa_needed in (0, 1):  # nothing, or what every x86-64 CPU has
        return False
    level = case.facts.cpu_level
    if level not in X86_LEVELS:
        return None
    has = (1 << (X86_LEVELS.index(level) + 1)) - 1
    return elf.isa_needed & ~has != 0


def _wanted(elf: Elf) -> str:
    return X86_LEVELS[min(elf.isa_needed.bit_length() - 1, 3)]


def _finding(case: Case, path: str, elf: Elf, severity: Severity) -> Finding:
    wanted = _wanted(elf)
    known = case.facts.cpu_level
    message = f"{path} is built for {wanted}, the CPU is {known or 'of an unknown level'}"
    certain = _beyond(case, elf) or severity == "warning"
    return Finding(
        code="cpu-level-too-low",
        severity=severity if certain else "unknown",
        subject=wanted,
        needed_by=path,
        message=message,
    )
