"""Is it a program at all, and is the host's system one that we know?"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case, Prediction
from preflight.judge.support import handler_of
from preflight.loader.setting import Ending
from preflight.model.elf import ET_DYN, ET_EXEC, PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD, Elf
from preflight.model.verdict import Finding, Severity

_PATH_MAX = 4096
_USUAL_LOWEST = 1 << 16  # vm.mmap_min_addr nearly everywhere


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
    """The file is an ELF program or library; what a script is, `script` follows."""
    requirements, elf = case.requirements, case.elf
    if requirements.format == "script":
        return
    if elf is None:
        yield _no_program(case, requirements.description)
    elif elf.type not in (ET_EXEC, ET_DYN) or not elf.segments or not headers_fit(elf):
        yield _no_program(case, elf.defect or "an ELF file that is no program")
    elif not elf.interpreter_terminated and not _interpreter_cut(elf):
        yield _no_program(case, "its interpreter's path does not end with a NUL")


def check_library(case: Case) -> Iterator[Finding]:
    """A shared object by itself is judged for being loaded, which is not to be started."""
    elf = case.elf
    if elf is not None and elf.kind == "shared-object":
        yield Finding(
            code="judged-as-library",
            severity="info",
            subject="shared object",
            message="a shared object: judged as a library that some program loads, not for being "
            "started itself; --loaded-by PROGRAM says which",
        )


def check_interpreter_path(case: Case) -> Iterator[Finding]:
    """The file holds the interpreter's path, which is what the kernel reads next."""
    elf = case.elf
    if elf is not None and _interpreter_cut(elf):
        yield _truncated(case, elf, "the file ends before its interpreter's path (PT_INTERP)")


def predict_interpreter_path(case: Case) -> Prediction | None:
    """Return what a shell says of EIO; an emulator has words of its own."""
    if case.support.kind == "emulated":
        return None
    return Prediction(f"{case.program_name}: Input/output error", 126)


def check_complete(case: Case) -> Iterator[Finding]:
    """The file holds what its program headers name; the kernel itself hardly looks."""
    elf = case.elf
    if elf is None or not elf.ends_early(_page_size(case)):
        return
    message = "the file ends before the segments that its program headers name"
    certain = _crash(elf, _page_size(case)) is not None
    yield _truncated(case, elf, message, "error" if certain else "unknown")


def predict_cut(case: Case) -> Prediction | None:
    """Return the end by a signal, without a line."""
    ending = _crash(case.elf, _page_size(case)) if case.elf else None
    return None if ending is None else Prediction(None, ending.value)


def check_segments(case: Case) -> Iterator[Finding]:
    """
    The kernel can map the program, and loader or program find what they begin with.

    Source: Linux fs/binfmt_elf.c, elf_load(): what mmap(2) refuses once the old
    program is gone ends the new one by SIGSEGV.  Limit: an emulator has rules of its own.
    """
    elf = case.elf
    if elf is None or elf.kind == "shared-object" or case.support.kind != "native":
        return
    if words := _unmappable(elf, _page_size(case)):
        yield Finding(
            code="format-not-elf",
            severity="error",
            subject=case.requirements.name,
            message=f"not a program for this host: {words}",
        )


def check_needs(case: Case) -> Iterator[Finding]:
    """A program that needs libraries names the loader that loads them."""
    elf = case.elf
    if elf is not None and elf.kind in ("static", "static-pie") and elf.needed:
        yield Finding(
            code="undecided",
            severity="unknown",
            subject=elf.needed[0],
            message="the program names libraries and no loader (PT_INTERP): nothing loads them",
        )


def check_lowest(case: Case) -> Iterator[Finding]:
    """
    A program with a fixed address lies above vm.mmap_min_addr, which root may pass over.

    The kernel's own default is lower than that of most distributions.
    """
    elf, facts = case.elf, case.snapshot.facts
    uid = facts.uid if case.access is None else case.access.user.uid
    if elf is None or elf.type != ET_EXEC or uid in (0, None) or case.support.kind != "native":
        return
    lowest = min((s.vaddr for s in elf.segments if s.type == PT_LOAD), default=_USUAL_LOWEST)
    if lowest < _USUAL_LOWEST:
        yield Finding(
            code="undecided",
            severity="unknown",
            subject=case.requirements.name,
            message=f"the program wants to lie at address {lowest:#x}, and the host's "
            "vm.mmap_min_addr may forbid that to all but root",
        )


def check_intact(case: Case) -> Iterator[Finding]:
    """The program and what is loaded for it are whole; a damaged table may end it anywhere."""
    loaded = [(o.path, o.elf) for o in case.resolution.objects[1:]] if case.resolution else []
    own = [] if case.elf is None else [(case.requirements.name, case.elf)]
    for name, elf in own + loaded:
        if elf.defect is not None:
            yield Finding(
                code="undecided",
                severity="unknown",
                subject=name,
                message=f"{name} is damaged: {elf.defect}",
            )


def check_entry(case: Case) -> Iterator[Finding]:
    """
    Where the program begins is code of it, once loader and libraries are ready.

    Limit: without PT_GNU_STACK, or with one that wants it so, all that can be read
    may be executed on some kernels (READ_IMPLIES_EXEC, arch/x86/include/asm/elf.h),
    and so on 32-bit machines whose page tables know no better.
    """
    elf = case.elf
    if elf is None or elf.kind == "shared-object" or case.support.kind != "native":
        return
    step, entry = _page_size(case), _entry(elf)
    loads = [s for s in elf.segments if s.type == PT_LOAD]
    pages = [
        s for s in loads if s.vaddr // step <= entry // step <= (s.vaddr + s.memsz - 1) // step
    ]
    if any(s.flags & PF_X and s.vaddr <= entry < s.vaddr + s.filesz for s in loads):
        return
    code = any(s.flags & PF_X for s in pages)
    certain = not pages or (not code and elf.exec_stack is False and elf.bits == 64)
    where = "in what is no code of it" if pages else "outside of its segments"
    yield Finding(
        code="format-not-elf" if certain else "undecided",
        severity="error" if certain else "unknown",
        subject=case.requirements.name,
        message=f"not a program for this host: it begins {where}",
    )


def predict_segments(_: Case) -> Prediction:
    """Return the end by SIGSEGV, without a line."""
    return Prediction(None, Ending.SEGV.value)


def _unmappable(elf: Elf, page_size: int) -> str | None:
    loads = [segment for segment in elf.segments if segment.type == PT_LOAD]
    if not loads:
        return "it has no loadable segment"
    if any(segment.filesz > segment.memsz for segment in loads):
        return "a segment is larger in the file than in memory"
    if any(s.filesz and (s.vaddr - s.offset) % page_size for s in loads):
        return f"its segments are not aligned to pages of {page_size} bytes"
    if elf.interpreter is None or elf.has_dynamic:
        return None
    return "it names a loader and has no dynamic table for it"


def _truncated(case: Case, elf: Elf, message: str, severity: Severity = "error") -> Finding:
    return Finding(
        code="file-truncated",
        severity=severity,
        subject=case.requirements.name,
        message=message,
        evidence=(f"{elf.size_bytes} bytes are there",),
    )


def _interpreter_cut(elf: Elf) -> bool:
    """Whether the kernel's elf_read() of PT_INTERP comes to an early end of the file."""
    segment = next((s for s in elf.segments if s.type == PT_INTERP), None)
    if segment is None or not 2 <= segment.filesz <= _PATH_MAX:
        return False
    return segment.offset + segment.filesz > elf.size_bytes


def _page_size(case: Case) -> int:
    return case.snapshot.facts.page_size or 4096


def _crash(elf: Elf, page_size: int) -> Ending | None:
    """
    Return how a start ends that touches what is not there; None: it may not touch it.

    The kernel zeroes the rest of a writable page behind a segment's contents
    (padzero), the loader reads the dynamic table, a static program its code.
    """
    end = -(-elf.size_bytes // page_size) * page_size
    for segment in elf.segments:
        stop = segment.offset + segment.filesz
        zeroed = segment.memsz > segment.filesz and (segment.vaddr + segment.filesz) % page_size
        if segment.type == PT_LOAD and segment.flags & PF_W and zeroed and stop - 1 >= end:
            return Ending.SEGV
    if elf.interpreter is None:
        first = _offset(elf, _entry(elf))
    else:
        first = next((s.offset for s in elf.segments if s.type == PT_DYNAMIC), None)
    return Ending.BUS if first is not None and first >= end else None


def _entry(elf: Elf) -> int:
    return int.from_bytes(elf.head[24 : 24 + elf.bits // 8], elf.endian)


def _offset(elf: Elf, address: int) -> int | None:
    """Return where in the file the byte at *address* lies."""
    for segment in elf.segments:
        if segment.type == PT_LOAD and 0 <= address - segment.vaddr < segment.filesz:
            return segment.offset + address - segment.vaddr
    return None


def headers_fit(elf: Elf) -> bool:
    """Whether the kernel reads the program headers (load_elf_phdrs): 64 KiB, all in the file."""
    wide = elf.bits == 64
    count = int.from_bytes(elf.head[56:58] if wide else elf.head[44:46], elf.endian)
    return len(elf.segments) == count and count * elf.phentsize <= 1 << 16


def _no_program(case: Case, what: str) -> Finding:
    """Return the finding for what the kernel's own formats refuse; a handler may still take it."""
    handlers = case.snapshot.facts.binfmt
    foreign = case.requirements.foreign
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
        evidence=foreign.lines if foreign else (),
    )
