"""Programs that carry an archive of others behind their own ELF file."""

from __future__ import annotations

from preflight.elf import Source

# Source: PyInstaller's bootloader/src/pyi_archive.c, which looks for it from the end.
_PYINSTALLER = b"MEI\014\013\012\013\016"
_TAIL_BYTES = 64 * 1024  # the section headers may stand behind it


def payload(source: Source) -> str | None:
    """Return what made the archive at the end of the file, None where there is none."""
    start = max(0, source.size_bytes - _TAIL_BYTES)
    return "PyInstaller" if _PYINSTALLER in source.read(start, _TAIL_BYTES) else None
