"""What a program unpacks and loads by itself, once it runs."""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.model.verdict import Finding

_UNPACKED = (
    "a program made by {}: it unpacks libraries into a temporary directory and loads them, and "
    "these were not judged"
)
_APPIMAGE = (
    "an AppImage: it mounts the file system inside it, which needs FUSE (/dev/fuse and fusermount) "
    "unless APPIMAGE_EXTRACT_AND_RUN=1 is set, and starts a program in it that was not judged"
)


def check_payload(case: Case) -> Iterator[Finding]:
    """What the program carries was read, and is judged member by member."""
    maker = case.requirements.payload
    if maker is None or case.requirements.bundle is not None:
        return
    yield Finding(
        code="payload-not-judged",
        severity="unknown",
        subject=case.requirements.name,
        message=_APPIMAGE if maker == "AppImage" else _UNPACKED.format(maker),
    )
