"""May the program be run where it will lie?  Source: mount(8)."""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case, Prediction
from preflight.model.snapshot import Mount
from preflight.model.verdict import Finding


def check_program(case: Case) -> Iterator[Finding]:
    """The install path is not on a noexec mount; not asked without an install path."""
    path = case.real_path
    if path is None:
        return
    facts = case.snapshot.facts
    if facts.mounts is None:
        reason = case.snapshot.facts_unknown.get("mounts", "the mounts could not be read")
        yield Finding(code="mount-noexec", severity="unknown", subject=path, message=reason)
    elif mount := facts.noexec_mount(path):
        yield _finding(path, mount)


def predict(case: Case) -> Prediction:
    """Return what a shell says of EACCES."""
    return Prediction(f"{case.program_name}: Permission denied", 126)


def _finding(path: str, mount: Mount) -> Finding:
    return Finding(
        code="mount-noexec",
        severity="error",
        subject=path,
        message=f"{path} lies on {mount.point}, which is mounted noexec",
        evidence=(f"{mount.source} on {mount.point} type {mount.fstype}",),
    )
