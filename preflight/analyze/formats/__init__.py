"""
What a file that is not ELF is, by its first bytes: a format and a plain sentence.

Each detector looks at a file and returns a `Found` or None; the first one that
knows the file decides, so the ones with a clear mark stand before text.  None
of them raises for any bytes, none reads more than a few kilobytes.
"""

from __future__ import annotations

from collections.abc import Callable

from preflight.analyze.formats.archive import detect_archive
from preflight.analyze.formats.bytecode import detect_bytecode
from preflight.analyze.formats.found import Found, Sample
from preflight.analyze.formats.macho import detect_macho
from preflight.analyze.formats.pe import detect_pe
from preflight.analyze.formats.plain import detect_empty, detect_text
from preflight.analyze.formats.script import detect_script
from preflight.elf import Source

DETECTORS: tuple[Callable[[Sample], Found | None], ...] = (
    detect_empty,
    detect_script,
    detect_pe,
    detect_macho,
    detect_bytecode,
    detect_archive,
    detect_text,
)


def detect(source: Source, name: str) -> Found:
    """Return what the file behind *source* is; *name* tells a wheel from another zip."""
    sample = Sample(source, name)
    found = (detector(sample) for detector in DETECTORS)
    return next((f for f in found if f), Found("unknown", "a file of no format known here"))


__all__ = ["DETECTORS", "Found", "Sample", "detect"]
