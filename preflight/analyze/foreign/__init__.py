"""
What a file for another system or a virtual machine needs there.

`READERS` has for each such format a function ``(Source) -> Foreign | None``,
one file each.  They read tables that the file itself points at, so each of
them is bounded, and what lies outside of the file ends in `Foreign.defect`,
never in an exception.  To add a format is one file and one line.
"""

from __future__ import annotations

from collections.abc import Callable

from preflight.analyze.foreign.java import read_class, read_jar
from preflight.analyze.foreign.macho import read_macho
from preflight.analyze.foreign.pe import read_pe
from preflight.analyze.foreign.wasm import read_wasm
from preflight.elf import Source
from preflight.model.foreign import Foreign
from preflight.model.requirements import Format

READERS: dict[Format, Callable[[Source], Foreign | None]] = {
    "pe": read_pe,
    "mach-o": read_macho,
    "wasm": read_wasm,
    "java": read_class,
    "archive": read_jar,
}


def foreign(source: Source, format: Format) -> Foreign | None:  # noqa: A002
    """Return the needs of a file of this format; None for others, and an archive without Java."""
    reader = READERS.get(format)
    return reader(source) if reader else None


__all__ = ["READERS", "foreign"]
