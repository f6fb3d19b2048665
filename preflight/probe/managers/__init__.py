"""
What the host's package manager has on disk about libraries and files that are missing.

`request` says how it is asked, `said` sorts what ``packages.sh`` printed, and
there is one reader for each kind of package manager, listed in `READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from preflight.model import text
from preflight.model.question import Failed, Offers, Package
from preflight.probe.managers import apk, debian, rpm
from preflight.probe.managers.said import Said

READERS: dict[str, Callable[[Package, Said], Offers]] = {
    "apt-get": debian.read,
    "apk": apk.read,
    **dict.fromkeys(("dnf5", "dnf", "yum", "microdnf", "zypper", "rpm"), rpm.read),
}
_LATE = Failed("it did not answer in time")


def read_packages(questions: Iterable[Package], data: bytes) -> dict[Package, Offers | Failed]:
    """Return the answers that the script's output *data* has for *questions*."""
    said = Said.of(text.decode(data).splitlines())
    if "end" not in said.titles:
        return dict.fromkeys(questions, _LATE)
    read = READERS.get(said.manager)
    if read is None:
        return dict.fromkeys(questions, Failed("there is none that is known"))
    return {question: read(question, said) for question in questions}
