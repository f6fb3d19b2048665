"""Does a noexec mount forbid to run the program or to map a library?  Source: mount(8)."""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case, Prediction
from preflight.model.question import ElfContent
from preflight.model.snapshot import Facts, Mount
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
    elif mount := noexec_mount(facts, path):
        yield _finding(path, mount)


def check_libraries(case: Case) -> Iterator[Finding]:
    """No loaded library is on a noexec mount."""
    facts, resolution = case.snapshot.facts, case.resolution
    if resolution is None or not _any_noexec(facts):
        return
    for entry in resolution.objects[1:]:
        answer = case.inquiry.elf(entry.path) if entry.path.startswith("/") else None
        if isinstance(answer, ElfContent) and (mount := noexec_mount(facts, answer.state.real)):
            yield _finding(answer.state.real, mount)


def noexec_mount(facts: Facts, real_path: str) -> Mount | None:
    """Return the mount that holds *real_path*, where it forbids execution; else None."""
    holder: Mount | None = None
    for mount in facts.mounts or ():
        point = mount.point.rstrip("/")
        inside = real_path == point or real_path.startswith(point + "/")
        if inside and (holder is None or len(mount.point) >= len(holder.point)):
            holder = mount
    return holder if holder is not None and "noexec" in holder.options else None


def predict(case: Case) -> Prediction:
    """Return what a shell says of EACCES."""
    return Prediction(f"{case.program_name}: Permission denied", 126)


def _any_noexec(facts: Facts) -> bool:
    return any("noexec" in mount.options for mount in facts.mounts or ())


def _finding(path: str, mount: Mount) -> Finding:
    return Finding(
        code="mount-noexec",
        severity="error",
        subject=path,
        message=f"{path} lies on {mount.point}, which is mounted noexec",
        evidence=(f"{mount.source} on {mount.point} type {mount.fstype}",),
    )
