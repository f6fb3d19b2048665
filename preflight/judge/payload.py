"""What a program unpacks and loads by itself, once it runs."""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.model.verdict import Finding

_UNPACKED = "a program made by {}: {}, and these were not judged"
_APPIMAGE = (
    "an AppImage: it mounts the file system inside it, which needs FUSE (/dev/fuse and fusermount) "
    "unless APPIMAGE_EXTRACT_AND_RUN=1 is set, and starts a program in it that was not judged"
)


def check_payload(case: Case) -> Iterator[Finding]:
    """What the program carries was read, and is judged member by member."""
    maker = case.requirements.payload
    if maker is None or case.requirements.bundle is not None or _lies_beside(case):
        return
    beside = case.requirements.beside
    where = "it unpacks libraries into a temporary directory and loads them"
    if beside is not None:
        where = f"it loads libraries from {beside or 'the directory'} beside it: give the directory"
    yield Finding(
        code="payload-not-judged",
        severity="unknown",
        subject=case.requirements.name,
        message=_APPIMAGE if maker == "AppImage" else _UNPACKED.format(maker, where),
    )


def _lies_beside(case: Case) -> bool:
    """Whether the bundle has the libraries of a one-folder program where that looks for them."""
    bundle, program = case.start.bundle, case.requirements
    if bundle is None or program.inner is None:
        return False
    return program.beside is not None and program.inner in bundle.openers
