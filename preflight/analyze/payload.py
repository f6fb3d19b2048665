"""Programs that carry an archive of others behind their own ELF file."""

from __future__ import annotations

from preflight.analyze.bundles.pyinstaller import MAGIC, TAIL_BYTES, beside
from preflight.elf import Source

__all__ = ["beside", "payload"]


def payload(source: Source) -> str | None:
    """Return what made the archive at the end of the file, None where there is none."""
    start = max(0, source.size_bytes - TAIL_BYTES)
    return "PyInstaller" if MAGIC in source.read(start, TAIL_BYTES) else None
