"""
Would the program that opens this library with dlopen(3) get it?

The program's own start is judged before.  What fails here is told by
dlerror(3); whether the program ends of it is for the program to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from preflight.judge import cpu, symbols
from preflight.judge.case import Case, Prediction
from preflight.judge.versions import problems
from preflight.loader.setting import Ending
from preflight.loader.tls import static_tls
from preflight.model.elf import machine_name
from preflight.model.verdict import Finding

_EHDR_BYTES = 64


def check_file(case: Case) -> Iterator[Finding]:
    """The file is an ELF file; what else it has to be, the loader says."""
    if case.elf is not None and case.elf.bits:
        return
    yield Finding(
        code="format-not-elf",
        severity="error",
        subject=case.requirements.path,
        message=f"not a library: {case.requirements.description}",
    )


def check_opener(case: Case) -> Iterator[Finding]:
    """The program has a loader at run time, and is of the library's machine."""
    elf, opener = case.elf, case.opener.elf if case.opener else None
    if elf is None or opener is None:
        return
    if opener.interpreter is None:
        yield Finding(
            code="undecided",
            severity="unknown",
            subject=case.requirements.path,
            message="the program that opens it is static: what it loads is not known",
        )
    elif elf.bits and (elf.machine, elf.bits) != (opener.machine, opener.bits):
        ours, theirs = (machine_name(e.machine, e.bits, e.endian) for e in (elf, opener))
        yield Finding(
            code="machine-mismatch",
            severity="error",
            subject=ours,
            message=f"made for {ours}, the program that opens it for {theirs}",
        )


def check_mount(case: Case) -> Iterator[Finding]:
    """The library itself is not on a noexec mount.  Source: mmap(2), EPERM."""
    path = case.real_path
    if path is not None and (mount := case.snapshot.facts.noexec_mount(path)):
        yield Finding(
            code="mount-noexec",
            severity="error",
            subject=path,
            message=f"{path} lies on {mount.point}, which is mounted noexec",
            evidence=(f"{mount.source} on {mount.point} type {mount.fstype}",),
        )


def check_tls(case: Case) -> Iterator[Finding]:
    """Thread-local storage of the kind that is laid out at start still finds room."""
    problem = static_tls(case.resolution) if case.resolution else None
    if problem is not None:
        yield Finding(
            code="library-unusable",
            severity="error" if problem.certain else "unknown",
            subject=problem.path,
            message=f"{problem.path} cannot be opened: {problem.words}",
        )


def predict_file(case: Case) -> Prediction:
    """Return what dlerror(3) says of a file that is no library."""
    size = case.requirements.size_bytes
    words = "file too short" if size < _EHDR_BYTES else "invalid ELF header"
    return _of_file(case, words, "Exec format error")


def predict_mount(case: Case) -> Prediction:
    """Return what dlerror(3) says where mmap(2) refuses an executable segment."""
    words = "failed to map segment from shared object"
    return _of_file(case, words, "Operation not permitted")


def predict_libraries(case: Case) -> Prediction | None:
    """Return the first line of dlerror(3); a crash or an assertion ends the program."""
    resolution = case.resolution
    if resolution is None:
        return None
    if any(miss.fatal for miss in resolution.misses):
        if resolution.ending is not Ending.ERROR:
            return Prediction(None, resolution.ending.value)
        return Prediction(next(iter(resolution.lines), None), None)
    fatal = [problem for problem in problems(case) if problem.ending]
    if not fatal:
        return None
    asserted = fatal[0].kind == "unrequested"
    return Prediction(fatal[0].line, Ending.ERROR.value if asserted else None)


def predict_cpu(case: Case) -> Prediction | None:
    """Return what dlerror(3) says of a CPU of a lower level."""
    return _told(case, cpu.predict)


def predict_symbols(case: Case) -> Prediction | None:
    """Return what dlerror(3) says of the first reference that is not bound."""
    return _told(case, symbols.predict)


def predict_tls(case: Case) -> Prediction | None:
    """Return what dlerror(3) says of thread-local storage that does not fit."""
    problem = static_tls(case.resolution) if case.resolution else None
    return None if problem is None else Prediction(problem.line, None)


def _told(case: Case, predict: Callable[[Case], Prediction | None]) -> Prediction | None:
    prediction = predict(case)
    if prediction is None:
        return None
    # An assertion of the loader ends the program.
    asserted = (prediction.line or "").startswith("Inconsistency")
    return Prediction(prediction.line, Ending.ERROR.value if asserted else None)


def _of_file(case: Case, glibc: str, musl: str) -> Prediction:
    resolution = case.opener.resolution if case.opener else None
    if resolution is not None and resolution.family == "musl":
        return Prediction(f"Error loading shared library {case.program_name}: {musl}", None)
    return Prediction(f"{case.program_name}: {glibc}", None)
