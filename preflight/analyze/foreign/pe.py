"""
What a Windows program imports.

Source: Microsoft, "PE Format" (import and delay-load directory tables);
ECMA-335 II.25.3.3 (CLI header) and II.24.2.1 (metadata root).
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.analyze.foreign.fields import MOST, Cut, Fields
from preflight.analyze.formats.pe import EFI, MACHINES
from preflight.analyze.mapped import Image, Part
from preflight.elf import Source
from preflight.model.foreign import Foreign

_SIGNATURE_AT = 0x3C
# Magic → offsets in the optional header: (directories, bytes of the image base at its end).
_LAYOUTS = {0x10B: (96, 28, 4), 0x20B: (112, 24, 8)}
_IMPORT, _DELAY, _CLR = 1, 13, 14
_IMPORT_BYTES, _DELAY_BYTES, _SECTION_BYTES = 20, 32, 40
_MAX_SECTIONS = 96  # of the Windows loader
_RELATIVE = 0x1  # of a delay-load descriptor: its addresses count from the image base
_EXECUTE, _WRITE = 0x20000000, 0x80000000  # IMAGE_SCN_MEM_…


def read_pe(source: Source) -> Foreign | None:
    """Return the libraries, the oldest Windows and the run-time of a PE file."""
    imports: list[str] = []
    delayed: list[str] = []
    machine = runtime = minimum = defect = None
    try:
        file = _Pe(Fields(source))
        machine, minimum = file.machine, file.minimum
        runtime = "UEFI firmware" if file.is_efi else "Windows"
        runtime = file.dotnet() or runtime
        imports.extend(file.imports())
        delayed.extend(file.delayed())
    except Cut as cut:
        defect = str(cut)
    return Foreign(
        machines=(machine,) if machine else (),
        runtime=runtime or "Windows",
        minimum_os=minimum,
        imports=_once(imports),
        optional=_once(delayed),
        defect=defect,
    )


def pe_image(source: Source) -> Image:
    """Return the sections of a PE file, at the addresses that it was linked for."""
    try:
        return Image(source, _Pe(Fields(source)).parts())
    except Cut:
        return Image(source, ())


class _Pe:
    """The headers of a PE file, and what they lead to."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        at = fields.number(_SIGNATURE_AT, 4)
        number = fields.number(at + 4, 2)
        self.machine = MACHINES.get(number, f"machine {number:#06x}")
        sections, header_bytes = fields.number(at + 6, 2), fields.number(at + 20, 2)
        self._optional = at + 24
        layout = _LAYOUTS.get(fields.number(self._optional, 2))
        if layout is None:
            raise Cut("its optional header is of no known kind")
        self._directories, base_at, base_bytes = layout
        self._base = fields.number(self._optional + base_at, base_bytes)
        self._headers_bytes = fields.number(self._optional + 60, 4)
        self.is_efi = fields.number(self._optional + 68, 2) in EFI
        version = [fields.number(self._optional + offset, 2) for offset in (48, 50)]
        self.minimum = None if self.is_efi else f"Windows {version[0]}.{version[1]}"
        table = self._optional + header_bytes
        self._sections = [
            tuple(fields.number(table + n * _SECTION_BYTES + at, 4) for at in (12, 8, 16, 20, 36))
            for n in range(min(sections, _MAX_SECTIONS))
        ]

    def parts(self) -> Iterator[Part]:
        """Yield the sections."""
        for start, _, in_file, offset, flags in self._sections:
            yield Part(self._base + start, offset, in_file, flags & (_EXECUTE | _WRITE) == _WRITE)

    def dotnet(self) -> str | None:
        """Return ".NET" with the version of its metadata, None for machine code alone."""
        header = self._directory(_CLR)
        if not header:
            return None
        try:
            root = self._offset(self._fields.number(self._offset(header) + 8, 4))
            version = self._fields.name(root + 16)
        except Cut:
            return ".NET"
        return f".NET ({version})"

    def imports(self) -> Iterator[str]:
        """Yield the names of the import table, up to its first empty entry."""
        table = self._directory(_IMPORT)
        for entry in self._entries(table, _IMPORT_BYTES):
            name, thunk = self._fields.number(entry + 12, 4), self._fields.number(entry + 16, 4)
            if not name or not thunk:
                return
            yield self._fields.name(self._offset(name))

    def delayed(self) -> Iterator[str]:
        """Yield the names of the delay-load table; the oldest linkers wrote whole addresses."""
        table = self._directory(_DELAY)
        for entry in self._entries(table, _DELAY_BYTES):
            name = self._fields.number(entry + 4, 4)
            if not name:
                return
            relative = self._fields.number(entry, 4) & _RELATIVE
            yield self._fields.name(self._offset(name if relative else name - self._base))

    def _entries(self, table: int, size: int) -> Iterator[int]:
        if not table:
            return
        start = self._offset(table)
        yield from (start + size * number for number in range(MOST))
        raise Cut(f"a table of more than {MOST} entries")

    def _directory(self, number: int) -> int:
        """Return the address of a data directory, 0 where the file has none."""
        start = self._optional + self._directories
        count = self._fields.number(start - 4, 4)
        return self._fields.number(start + 8 * number, 4) if number < count else 0

    def _offset(self, address: int) -> int:
        """Return where in the file the byte at an address (RVA) lies."""
        for start, in_memory, in_file, offset, _ in self._sections:
            if 0 <= address - start < (in_memory or in_file):
                if address - start >= in_file:
                    break
                return offset + address - start
        if 0 <= address < self._headers_bytes:
            return address
        raise Cut(f"nothing of the file lies at the address {address:#x}")


def _once(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
