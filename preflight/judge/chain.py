"""
What is started in place of a script: a program of the host, or the reason why there is none.

`script` follows the kernel from one to the next, `env` goes on where env(1) does.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from msgspec import Struct, structs

from preflight.judge.case import Case, Prediction
from preflight.judge.interpreter import ERRNO_TEXT
from preflight.model import shebang
from preflight.model.question import (
    Absent,
    BytesContent,
    ElfContent,
    Failed,
    FileState,
    NotAsked,
)
from preflight.model.requirements import Format, Requirements
from preflight.model.start import Start
from preflight.model.verdict import Finding

ABSENT = "No such file or directory"


class Link(Struct, frozen=True):
    """One program that is started in place of the one before it; *by_env*: by env(1)."""

    case: Case
    by_env: bool = False


class End(Struct, frozen=True):
    """Where the chain of interpreters breaks."""

    finding: Finding
    prediction: Prediction | None = None


Found = Case | Absent | Failed | None


def broken(case: Case, who: str, path: str, answer: Absent | Failed, *, by_env: bool) -> End:
    """Return the end of a chain at an interpreter that is not there, or cannot be looked at."""
    if isinstance(answer, Failed):
        words = ERRNO_TEXT.get(answer.errno)
        finding = Finding(
            code="interpreter-unusable",
            severity="error" if words else "unknown",
            subject=path,
            needed_by=who,
            message=f"{who}: its interpreter {path} cannot be executed ({answer.errno})",
        )
        return End(finding, Prediction(None if by_env else f"{case.program_name}: {words}", 126))
    words = "Not a directory" if answer.errno == "ENOTDIR" else ABSENT
    status = 126 if answer.errno == "ENOTDIR" else 127
    return End(
        missing(case, who, path),
        Prediction(None if by_env else f"{case.program_name}: {words}", status),
    )


def missing(case: Case, who: str, path: str, searched: tuple[str, ...] = ()) -> Finding:
    """Return the finding for what *who* would be interpreted by."""
    returned = path.endswith("\r")
    return Finding(
        code="script-carriage-return" if returned else "interpreter-missing",
        severity="error",
        subject=path,
        needed_by=who,
        message=f"{who}: its interpreter {path} is not on the host"
        + ("; the line ends in a carriage return, as on Windows" if returned else ""),
        evidence=searched or tuple(_near(case, path.rstrip("\r"))),
    )


def _near(case: Case, path: str) -> Iterator[str]:
    """Yield where the host has a program of this name, in the usual places."""
    name = posixpath.basename(path)
    for directory in ("/bin", "/usr/bin", "/usr/local/bin"):
        place = f"{directory}/{name}"
        if name and place != path and isinstance(case.inquiry.stat(place), FileState):
            yield f"there is {place}"


def program_at(case: Case, path: str, start: Start, called: str | None) -> Found:
    """
    Return the file at *path* as a program that lies there already; None: nobody has looked.

    *start* gives its argv[0] and environment, *called* what the kernel's errors name.
    """
    # Of no name at all the kernel opens the working directory.
    answer = case.inquiry.elf(path) if path else Failed("EISDIR")
    if not isinstance(answer, ElfContent):
        return None if isinstance(answer, NotAsked) else answer
    head = answer.elf.head
    if head.startswith(shebang.MARK):
        whole = case.inquiry.data(path)
        if not isinstance(whole, BytesContent):
            return None if isinstance(whole, NotAsked) else Failed("too large to be read as text")
        head = whole.data[: shebang.BUFFER_BYTES]
    start = structs.replace(start, install_path=path, in_place=True, secure=None, loaded_by=None)
    requirements = _on_host(case.requirements.id, path, head, answer)
    return Case(requirements, start, case.snapshot, case.inquiry, called=called)


def _on_host(identifier: str, path: str, head: bytes, content: ElfContent) -> Requirements:
    formats: dict[bool, Format] = {True: "elf", False: "unknown"}
    script = head.startswith(shebang.MARK)
    return Requirements(
        id=identifier,
        path=path,
        name=posixpath.basename(path),
        sha256=content.sha256,
        size_bytes=content.state.size_bytes,
        format="script" if script else formats[bool(content.elf.bits)],
        description=f"{path} on the host",
        head=head,
        elf=content.elf if content.elf.bits else None,
    )


def not_judged(script: Case, reason: str) -> End:
    """Return the end of a chain that cannot be told beforehand."""
    finding = Finding(
        code="script-not-judged",
        severity="unknown",
        subject=name_of(script),
        message=f"{name_of(script)}: {reason}",
    )
    return End(finding)


def name_of(script: Case) -> str:
    """Return how messages name the script itself, not the one that it interprets."""
    return script.start.install_path or script.program_name
