"""Is it a program at all, and is the host's system one that we know?"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.support import handler_of
from preflight.model.elf import ET_DYN, ET_EXEC, PT_LOAD, Elf
from preflight.model.verdict import Finding


def check_system(case: Case) -> Iterator[Finding]:
    """The host runs Linux."""
    system = case.snapshot.facts.system
    if system == "Linux":
        return
    yield Finding(
        code="os-unsupported",
        severity="unknown",
        subject=system or "unknown system",
        message=f"the host runs {system or 'an unknown system'}, not Linux",
    )


def check_format(case: Case) -> Iterator[Finding]:
    """The file is an ELF program or library, and is all there."""
    requirements, elf = case.requirements, case.elf
    if requirements.format == "script":
        yield Finding(
            code="script-not-judged",
            severity="unknown",
            subject=requirements.name,
            message=f"{requirements.description}: its interpreter decides, and is not judged yet",
        )
    elif elf is None:
        yield _no_program(case, requirements.description)
    elif elf.type not in (ET_EXEC, ET_DYN) or not elf.segments or not headers_fit(elf):
        yield _no_program(case, elf.defect or "an ELF file that is no program")
    elif not elf.interpreter_terminated:
        yield _no_program(case, "its interpreter's path does not end with a NUL")
    elif _cut_off(case):
        yield Finding(
            code="file-truncated",
            severity="error",
            subject=requirements.name,
            message="the file ends before the segments that its program headers name",
            evidence=(f"{elf.size_bytes} bytes are there",),
        )


def headers_fit(elf: Elf) -> bool:
    """Whether the kernel reads the program headers (load_elf_phdrs): 64 KiB, all in the file."""
    wide = elf.bits == 64
    count = int.from_bytes(elf.head[56:58] if wide else elf.head[44:46], elf.endian)
    return len(elf.segments) == count and count * elf.phentsize <= 1 << 16


def _no_program(case: Case, what: str) -> Finding:
    """Return the finding for what the kernel's own formats refuse; a handler may still take it."""
    handlers = case.snapshot.facts.binfmt
    handler = handler_of(handlers or (), case.requirements.head)
    reason = ""
    if handler is not None:
        reason = f"; the host hands it to {handler.interpreter}"
    elif handlers is None:
        reason = "; whether the host hands it to an emulator could not be seen"
    return Finding(
        code="format-not-elf",
        severity="unknown" if reason else "error",
        subject=case.requirements.name,
        message=f"not a Linux program: {what}{reason}",
    )


def _cut_off(case: Case) -> bool:
    elf = case.elf
    page = case.snapshot.facts.page_size or 4096
    if elf is None:
        return False
    end = max((s.offset + s.filesz for s in elf.segments if s.type == PT_LOAD), default=0)
    return -(-end // page) > -(-elf.size_bytes // page)
