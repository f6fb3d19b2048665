"""Does every reference of every loaded object find a definition?"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case, Prediction
from preflight.judge.versions import first_line
from preflight.loader.glibc.symbols import SymbolProblem
from preflight.loader.glibc.symbols import check_symbols as glibc_symbols
from preflight.loader.musl.symbols import check_symbols as musl_symbols
from preflight.loader.setting import Ending
from preflight.model.verdict import Finding

_PRIVATE = "GLIBC_PRIVATE"
_OPEN = ("relink", "mistyped", "mixed", "guarded")  # kinds after which a start may go on


def check_symbols(case: Case) -> Iterator[Finding]:
    """What must be bound at start is bound; what is bound when called is advice."""
    return (_finding(case, problem) for problem in _problems(case))


def predict(case: Case) -> Prediction | None:
    """Return the loader's line for the first reference that must be bound at start."""
    found = [problem for problem in _problems(case) if problem.kind != "call"]
    fatal = any(problem.kind not in _OPEN for problem in found)
    return Prediction(first_line(case, found[0].line), ending(case).value) if fatal else None


def ending(case: Case) -> Ending:
    """Return how a start ends that gets as far as the symbols."""
    crash = any(problem.kind == "crash" for problem in _problems(case))
    return Ending.SEGV if crash else Ending.ERROR


def _problems(case: Case) -> tuple[SymbolProblem, ...]:
    setting, resolution = case.setting, case.resolution
    if setting is None or resolution is None or case.inquiry.open:
        return ()
    if any(doubt.needed_by is not None for doubt in resolution.doubts):
        return ()  # a library that may be there is not in the list
    check = musl_symbols if resolution.family == "musl" else glibc_symbols
    return tuple(check(setting, resolution))


def _finding(case: Case, problem: SymbolProblem) -> Finding:
    if problem.kind == "relocation":
        return Finding(
            code="relocation-unsupported",
            severity="error",
            subject=f"relocation type {problem.symbol}",
            needed_by=problem.needed_by,
            message=f"the host's loader does not know relocation type {problem.symbol}",
        )
    if doubt := _doubt(case, problem):
        mixed = problem.kind == "mixed"
        return Finding(
            code="undecided",
            severity="unknown",
            subject=problem.needed_by if mixed else problem.symbol,
            needed_by=None if mixed else problem.needed_by,
            message=doubt,
        )
    version = f"@{problem.version}" if problem.version else ""
    name = f"{problem.symbol}{version}"
    where = f" (expected in {problem.library})" if problem.library else ""
    advice = _is_plugin(case, problem)
    if problem.kind == "call" or advice:
        later = f"the program starts, and ends with 127 where {problem.needed_by} calls it"
        if case.opener is not None:
            later += "; opened with RTLD_NOW, dlopen fails at once"
        return Finding(
            code="symbol-missing-lazy",
            severity="info" if advice else "warning",
            subject=name,
            needed_by=problem.needed_by,
            message=f"{problem.needed_by} expects {name} of the program that loads it{where}"
            if advice
            else f"nothing that is loaded defines {name}{where}: {later}",
        )
    return Finding(
        code="symbol-missing",
        severity="error",
        subject=name,
        needed_by=problem.needed_by,
        message=f"nothing that is loaded defines {name}{where}",
    )


def _doubt(case: Case, problem: SymbolProblem) -> str | None:
    """Return why nobody knows what comes of it, None where that is known."""
    symbol, by = problem.symbol, problem.needed_by
    match problem.kind:
        case "relink":
            return f"{problem.line}: the loader runs a library's code before it is relocated"
        case "mixed":
            return f"{by} is not of the loader's release, and they share private data"
        case "mistyped":
            return f"{symbol} is thread-local to {by}, and not to the object that defines it"
        case "guarded":
            return (
                f"{by} takes {symbol} for its own, and the library that has it wants it to be "
                "asked for (GNU_PROPERTY_1_NEEDED_INDIRECT_EXTERN_ACCESS)"
            )
        case "call" if _is_of_libc(case, problem):
            return (
                f"{by} is part of another glibc: nothing that is loaded defines "
                f"{symbol}@{problem.version}, and it may call that as it starts"
            )
    return None


def _is_of_libc(case: Case, problem: SymbolProblem) -> bool:
    """Whether a part of glibc misses what its parts share; they call it as they start."""
    objects = case.resolution.objects if case.resolution else ()
    return problem.version == _PRIVATE and any(
        entry.path == problem.needed_by
        and any(definition.name == _PRIVATE for definition in entry.elf.version_defs)
        for entry in objects
    )


def _is_plugin(case: Case, problem: SymbolProblem) -> bool:
    """Whether the object is a library by itself, which its program may complete."""
    elf = case.elf
    if case.opener is not None:
        return False
    return elf is not None and elf.kind == "shared-object" and problem.needed_by == case.argv0
