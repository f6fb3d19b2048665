"""What the host's own loader said of a program, and whether that is what was predicted."""

from __future__ import annotations

from msgspec import Struct


class Trace(Struct, frozen=True, kw_only=True):
    """
    One trace by the host's loader, or why there is none.

    *lines* call the program *program*: the path of its copy, which is gone.
    """

    lines: tuple[str, ...] = ()
    status: int | None = None  # of the loader; 137 where it took too long
    program: str = ""
    refused: str | None = None
    left: str | None = None  # what could not be removed from the host


class Proof(Struct, frozen=True, kw_only=True):
    """A prediction beside the fact."""

    said: tuple[str, ...] = ()  # the loader's lines, as they were
    agrees: bool | None = None  # None: there is no trace to compare with
    differences: tuple[str, ...] = ()
    not_proven: str = ""  # what a trace cannot show
    refused: str | None = None  # why there is no trace
    left: str | None = None  # what could not be removed from the host
