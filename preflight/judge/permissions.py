"""
May the user who starts the program reach and execute it?

Limits: those of `access`.  A program's own mode is known only where it is
judged in place; elsewhere whoever installs it gives it one.
Source: path_resolution(7), execve(2).
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.access import EXECUTE, allows
from preflight.judge.case import Case
from preflight.judge.requirements.name import number_of
from preflight.model.question import Absent, Ask, BytesContent, FileState, NotAsked, Said
from preflight.model.verdict import Finding


def check_user(case: Case) -> Iterator[Finding]:
    """The host knows the user who starts the program."""
    access, name = case.access, case.start.run_as
    if access is None or name is None or access.user.uid is not None:
        return
    answer = case.inquiry.data("/etc/passwd")
    if isinstance(answer, NotAsked):
        return
    if _is_nobody(name, case):
        yield Finding(
            code="requirement-user",
            severity="error",
            subject=name,
            message=f"there is no user {name}, who is to start it",
        )
        return
    reason = "the host's /etc/passwd could not be read"
    if isinstance(answer, BytesContent):
        reason = (
            "the host's /etc/passwd does not know it; "
            "it may come from a directory service (NSS), or be missing"
        )
    yield Finding(
        code="undecided", severity="unknown", subject=name, message=f"user {name}: {reason}"
    )


def _is_nobody(name: str, case: Case) -> bool:
    """Whether the host was asked for this user, for a manifest, and has none."""
    said = case.snapshot.answers.get(Ask("name", ("passwd", name)))
    return isinstance(said, Said) and isinstance(number_of(said, name), Absent)


def check_directories(case: Case) -> Iterator[Finding]:
    """The user who starts the program may search the directories of its install path."""
    path, access = case.real_path, case.access
    if path is None or access is None:
        return
    for directory in access.directories(path):
        if access.searches(directory) is False:
            yield Finding(
                code="permission-denied",
                severity="error",
                subject=directory,
                message=f"{case.start.run_as} may not search {directory}",
            )


def check_mode(case: Case) -> Iterator[Finding]:
    """
    A program whose mode is known has an x bit for the user who starts it.

    It is, where the program is judged in place or comes with a bundle.  To read
    it is not needed.  A library needs none, though it may name an interpreter.
    """
    path, bundled = case.start.install_path, case.start.bundle_root is not None
    if path is None or not (case.start.in_place or bundled) or _is_library(case, bundled=bundled):
        return
    state = case.inquiry.stat(path)
    if not isinstance(state, FileState):
        return
    allowed = allows(state, case.user, EXECUTE)
    if allowed is not True:
        who = case.start.run_as or case.snapshot.facts.user or "the user who starts it"
        mode = f"its mode is {state.mode & 0o7777:04o}"
        words = "may not execute it" if allowed is False else "may perhaps not execute it"
        yield Finding(
            code="permission-denied",
            severity="error" if allowed is False else "unknown",
            subject=path,
            message=f"{path}: {who} {words}: {mode}",
        )


def _is_library(case: Case, *, bundled: bool) -> bool:
    elf = case.elf
    if elf is None:
        return False
    return elf.kind == "shared-object" or (bundled and elf.soname is not None)
