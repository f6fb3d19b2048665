"""What a table of releases says of a program: an estimate, never a verdict."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from preflight.model.releases import Release

Answer = Literal["starts", "needs-packages", "does-not-start", "unknown"]


class Reason(Struct, frozen=True):
    """Why it does not start, or why nobody knows; *has* is what the release has instead."""

    text: str
    has: str = ""


class Estimate(Struct, frozen=True):
    """
    What the table says of one program on one release.

    *packages* have to be there, where not every installation has them;
    *conditions* are what the release alone does not decide.
    """

    release: Release
    answer: Answer
    reasons: tuple[Reason, ...] = ()
    packages: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()


class Outlook(Struct, frozen=True):
    """What the table says of one program on every release; *note*: why it says nothing."""

    binary: str  # its id in the report
    path: str
    note: str | None
    estimates: tuple[Estimate, ...] = ()
