"""Is every needed library where the loader looks, and would the loader take it?"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge import symbols
from preflight.judge.case import Case, Prediction
from preflight.judge.versions import problems
from preflight.loader.setting import Ending, Miss, Resolution
from preflight.model.verdict import Finding, Step


def check_libraries(case: Case) -> Iterator[Finding]:
    """Every DT_NEEDED of every loaded object is found.  Source: ld.so(8)."""
    resolution = case.resolution
    if resolution is None:
        return
    yield from (_finding(miss) for miss in resolution.misses)
    for doubt in resolution.doubts:
        path_unknown = "was not given" in doubt.reason or "nobody said" in doubt.reason
        yield Finding(
            code="install-path-unknown" if path_unknown else "undecided",
            severity="unknown",
            subject=doubt.subject,
            needed_by=doubt.needed_by,
            message=f"{doubt.subject}: {doubt.reason}",
        )


def predict(case: Case) -> Prediction | None:
    """Return the loader's first line and its exit status."""
    resolution = case.resolution
    if resolution is None:
        return None
    if any(miss.fatal for miss in resolution.misses):
        status = resolution.ending
        if resolution.family == "musl" and status is Ending.ERROR:
            status = symbols.ending(case)  # it goes on in spite of what is missing
        return Prediction(_first_line(resolution), status.value)
    found = problems(case)
    endings = [problem.ending for problem in found if problem.ending]
    if endings:
        line = next(iter((*resolution.lines, *(problem.line for problem in found))))
        # Missing versions are all told before the end, what else goes wrong ends it at once.
        status = Ending.ERROR if Ending.ERROR in endings else endings[0]
        return Prediction(line, status.value)
    return None


def _first_line(resolution: Resolution) -> str | None:
    """Return what is printed first; nobody knows where something unsettled may come before it."""
    early = any(not doubt.late for doubt in resolution.doubts)
    return resolution.lines[0] if resolution.lines and not early else None


_CODES = {"missing": "library-missing", "unusable": "library-unusable", "noexec": "mount-noexec"}


def _finding(miss: Miss) -> Finding:
    verb = "was not found" if miss.kind == "missing" else "cannot be used"
    return Finding(
        code=_CODES[miss.kind],
        severity="error" if miss.fatal else "warning",
        subject=miss.tried[-1].path if miss.kind == "noexec" else miss.name,
        needed_by=miss.needed_by,
        message=f"{miss.name} {verb}: {miss.message}",
        evidence=tuple(map(_step, miss.tried)),
    )


def _step(step: Step) -> str:
    if not step.path:
        return f"{step.rule}: {step.result}"
    return f"{step.path}: {step.result} ({step.rule})"
