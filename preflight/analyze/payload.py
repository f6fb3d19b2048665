"""
Programs that carry an archive of others behind their own ELF file.

Source: PyInstaller bootloader/src/pyi_archive.c; AppImage specification, "Type 1/2 image format".
"""

from __future__ import annotations

from preflight.analyze.bundles.pyinstaller import MAGIC, TAIL_BYTES, beside
from preflight.elf import Source

__all__ = ["beside", "payload"]
_APPIMAGE_AT, _APPIMAGE = 8, (b"AI\1", b"AI\2")


def payload(source: Source) -> str | None:
    """Return what made the archive at the end of the file, None where there is none."""
    if source.read(_APPIMAGE_AT, 3) in _APPIMAGE:
        return "AppImage"
    start = max(0, source.size_bytes - TAIL_BYTES)
    return "PyInstaller" if MAGIC in source.read(start, TAIL_BYTES) else None
