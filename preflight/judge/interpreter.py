"""
Is the program's dynamic loader there, and would the kernel start it?

Source: Linux fs/binfmt_elf.c, load_elf_binary(): open_exec() of PT_INTERP,
then the checks of its header (ELIBBAD).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from preflight.judge.access import EXECUTE
from preflight.judge.case import Case, Prediction
from preflight.judge.image import headers_fit
from preflight.loader import LOADERS
from preflight.loader.glibc.load import release_of
from preflight.loader.glibc.release import rules_of
from preflight.model.elf import Elf, machine_name
from preflight.model.question import Absent, ElfContent, Failed
from preflight.model.verdict import Finding, Severity

# What open_exec() is refused with, whoever looks.
ERRNO_TEXT = {
    "ELOOP": "Too many levels of symbolic links",
    "EISDIR": "Permission denied",
    "ENAMETOOLONG": "File name too long",
    # Only a regular file is executed (do_open_execat).
    "is a character device": "Permission denied",
    "is a block device": "Permission denied",
    "is a FIFO": "Permission denied",
    "is a socket": "Permission denied",
}
_ABSENT = "No such file or directory"
_CORRUPTED = "Accessing a corrupted shared library"


def check_interpreter(case: Case) -> Iterator[Finding]:
    """The loader is there, executable, for this machine, and one that we know."""
    elf = case.elf
    if elf is None or elf.kind not in ("executable", "shared-object"):
        return
    if not elf.interpreter_terminated:
        return  # only a handler could start it: `image.check_format`
    if case.interpreter_path is None:
        yield _no_path(case, elf)
        return
    path = case.interpreter_path
    answer = case.interpreter
    if isinstance(answer, Absent):
        yield _missing(case, path)
    elif isinstance(answer, Failed):
        yield _failed(path, answer.errno)
    elif isinstance(answer, ElfContent):
        refused = _refused(case, answer)
        if refused is None and _executable(case, path, answer) is None:
            yield _unsure(path, case)
        elif refused is not None:
            yield Finding(
                code="interpreter-unusable",
                severity="error",
                subject=path,
                message=f"the program's loader {path} {refused[0]}",
                evidence=(refused[1],),
            )
        else:
            yield from _identity(case, path, answer)


def predict(case: Case) -> Prediction | None:
    """Return what a shell says of the errno with which the kernel refuses, or what qemu says."""
    answer = case.interpreter
    if isinstance(answer, ElfContent) and _refused(case, answer) is None:
        return _loader_prediction(case, answer.elf)
    if case.support.kind == "emulated":
        return _emulator_prediction(case)
    text = _words(case)
    return Prediction(f"{case.program_name}: {text}", 127 if text == _ABSENT else 126)


def _words(case: Case) -> str:
    """Return the errno's text."""
    answer = case.interpreter
    refused = _refused(case, answer) if isinstance(answer, ElfContent) else None
    if refused:
        return refused[1]
    if isinstance(answer, Failed):
        return ERRNO_TEXT.get(answer.errno, answer.errno)
    return "Not a directory" if answer == Absent("ENOTDIR") else _ABSENT


def _emulator_prediction(case: Case) -> Prediction | None:
    """Return what qemu-user says.  Source: qemu linux-user/elfload.c, load_elf_interp()."""
    handler = case.support.handler
    name = posixpath.basename(handler.interpreter) if handler else ""
    if not name.startswith("qemu-"):
        return None
    path = case.interpreter_path
    if isinstance(case.interpreter, ElfContent):
        return Prediction(f"{name}: {path}: Invalid ELF image for this architecture", 255)
    if case.interpreter == Failed("EISDIR"):
        words = "Error reading file header: Is a directory"
        return Prediction(f"{name}: {path}: {words}", 255)
    return Prediction(f"{name}: Could not open '{path}': {_words(case)}", 255)


def _no_path(case: Case, elf: Elf) -> Finding:
    if elf.interpreter is not None:
        return Finding(
            code="install-path-unknown",
            severity="unknown",
            subject=elf.interpreter,
            message=f"the loader {elf.interpreter} is looked for in the working directory, "
            "which was not given",
        )
    libc = case.requirements.libc or "glibc"
    name = machine_name(elf.machine, elf.bits, elf.endian)
    return Finding(
        code="interpreter-missing",
        severity="unknown",
        subject=f"{libc} for {name}",
        message=f"a shared object; no {libc} loader for {name} was seen on the host to judge it by",
    )


def _missing(case: Case, path: str) -> Finding:
    libcs = case.snapshot.facts.libcs
    return Finding(
        code="interpreter-missing",
        severity="error",
        subject=path,
        message=f"the program's loader {path} is not on the host",
        evidence=tuple(
            f"there is {libc.interpreter} ({libc.family} {libc.version or ''}, {libc.machine})"
            for libc in libcs
        ),
    )


def _failed(path: str, errno: str) -> Finding:
    severity: Severity = "error" if errno in ERRNO_TEXT else "unknown"
    return Finding(
        code="interpreter-unusable",
        severity=severity,
        subject=path,
        message=f"the program's loader {path} cannot be read ({errno})",
    )


def _refused(case: Case, answer: ElfContent) -> tuple[str, str] | None:
    """Return (why, the errno's text) where the kernel refuses the loader's file."""
    elf, loader = case.elf, answer.elf
    if elf is None:
        return None
    emulated = case.support.kind == "emulated"
    if not emulated and _executable(case, case.interpreter_path or "", answer) is False:
        return "may not be executed", "Permission denied"
    if mount := case.facts.noexec_mount(answer.state.real):
        return f"lies on {mount.point}, mounted noexec", "Permission denied"
    if loader.size_bytes < (64 if elf.bits == 64 else 52):
        return "is shorter than an ELF header", "Input/output error"
    if not loader.bits:
        return "is not an ELF file", _CORRUPTED
    if (loader.machine, loader.bits) != (elf.machine, elf.bits):
        name = machine_name(loader.machine, loader.bits, loader.endian)
        return f"is made for {name}", _CORRUPTED
    if not loader.segments or not headers_fit(loader):
        return "has no program headers that the kernel takes", _CORRUPTED
    return None


def _executable(case: Case, path: str, answer: ElfContent) -> bool | None:
    """Whether the user who starts the program may execute the loader; None: nobody knows."""
    if case.access is None:
        return bool(answer.state.mode & 0o111)
    return case.access.may(path, answer.state, EXECUTE)


def _unsure(path: str, case: Case) -> Finding:
    return Finding(
        code="undecided",
        severity="unknown",
        subject=path,
        message=f"whether {case.start.run_as} may execute {path} is not known",
    )


def _identity(case: Case, path: str, answer: ElfContent) -> Iterator[Finding]:
    identity = answer.elf.identity
    # A loader needs nothing; libc.so.6 is a program, too, and would crash in its place.
    family = identity.family if identity and not answer.elf.needed else None
    if family == "nix-stub":
        yield Finding(
            code="interpreter-unusable",
            severity="error",
            subject=path,
            message=f"{path} is NixOS's stand-in, which only prints an error",
        )
    elif family not in LOADERS:
        yield Finding(
            code="libc-unsupported",
            severity="unknown",
            subject=path,
            message=f"{path} is a loader whose rules are not known"
            + (f": {identity.banner}" if identity and identity.banner else ""),
        )
    elif family == "glibc" and _kernel_too_old(case, answer.elf):
        yield Finding(
            code="kernel-too-old",
            severity="error",
            subject=".".join(map(str, case.snapshot.facts.kernel_release or ())),
            message=f"{path} wants kernel {_wanted(answer.elf)}",
        )


def _kernel_too_old(case: Case, loader: Elf) -> bool:
    setting = case.setting
    kernel = case.snapshot.facts.kernel_release
    if setting is None or loader.abi_tag is None or kernel is None:
        return False
    release = release_of(setting)
    if release is None or not rules_of(release).old_kernel_fatal:
        return False
    return kernel < loader.abi_tag.release


def _wanted(loader: Elf) -> str:
    return ".".join(map(str, loader.abi_tag.release)) if loader.abi_tag else ""


def _loader_prediction(case: Case, loader: Elf) -> Prediction:
    if loader.identity and loader.identity.family == "nix-stub":
        line = f"Could not start dynamically linked executable: {case.argv0}"
        return Prediction(line, 127)
    return Prediction("FATAL: kernel too old", 127)
