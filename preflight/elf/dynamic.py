"""The dynamic table and the strings it points at."""

from __future__ import annotations

from collections.abc import Sequence

from elftools.elf.enums import ENUM_D_TAG

from preflight.elf.image import Image, cut
from preflight.model import text
from preflight.model.elf import PT_DYNAMIC, Dependency, Segment

_DT_NULL = 0
_DEPENDENCIES = {ENUM_D_TAG[name]: name for name in ("DT_NEEDED", "DT_AUXILIARY", "DT_FILTER")}
# A table without its DT_NULL is followed this far, in bytes; real ones stay below 2,000.
_MAX_TABLE = 1 << 20
# No path, no list of paths and no version is longer, in bytes.
_MAX_NAME = 1 << 16


class Dynamic:
    """
    The tags of one file, by their names, and its dynamic strings.

    Of a tag that stands twice the last one counts (glibc
    elf/get-dynamic-info.h), except DT_NEEDED and its kin.
    """

    def __init__(
        self, image: Image, entries: Sequence[tuple[int, int]], rest: Sequence[tuple[int, int]] = ()
    ) -> None:
        self.image = image
        self.entries = entries
        self.rest = rest  # what stands after DT_NULL, which nobody reads
        self._values = dict(entries)
        self.strings = self._read_strings()
        self._left = 4 * len(self.strings) + _MAX_TABLE

    def get(self, tag: str) -> int | None:
        """Return the value of *tag* ("DT_STRSZ"), None where it is not in the table."""
        return self._values.get(ENUM_D_TAG[tag])

    def number(self, tag: str) -> int:
        """Return the value of *tag*, 0 where it is not in the table."""
        return self.get(tag) or 0

    def string(self, offset: int, what: str) -> str:
        """
        Return the string at *offset* of DT_STRTAB; "" and a defect where there is none.

        All of them together are bounded, or a table of 65,536 equal names a megabyte
        long would never come to an end.
        """
        end = self.strings.find(b"\0", offset, offset + _MAX_NAME)
        self._left -= max(end - offset, 0)
        if end < 0:
            self.image.complain(f"{what} lies outside the dynamic string table")
            return ""
        if self._left < 0:
            self.image.complain("the names in the dynamic table overlap without end")
            return ""
        return text.decode(self.strings[offset:end])

    def text(self, tag: str) -> str | None:
        """Return the string that *tag* names, None where it is not in the table."""
        offset = self.get(tag)
        return None if offset is None else self.string(offset, f"the name of {tag}")

    def dependencies(self) -> tuple[Dependency, ...]:
        """Return DT_NEEDED, DT_AUXILIARY and DT_FILTER, in file order."""
        return tuple(
            Dependency(tag, self.string(value, f"a name of {_DEPENDENCIES[tag]}"))
            for tag, value in self.entries
            if tag in _DEPENDENCIES
        )

    def _read_strings(self) -> bytes:
        address = self.get("DT_STRTAB")
        if address is None:
            return b""
        size = self.get("DT_STRSZ")
        if size is None:
            return self.image.window(address, self.image.extent(address))
        return self.image.table(address, size, "the dynamic string table")


def dynamic_segment(segments: Sequence[Segment]) -> Segment | None:
    """
    Return the segment of the dynamic table, the last one that has bytes.

    A debug-only file has the header and no bytes.  Source: glibc
    elf/dl-load.c, _dl_map_object_from_fd().
    """
    found = [s for s in segments if s.type == PT_DYNAMIC and s.filesz > 0]
    return found[-1] if found else None


def read_dynamic(image: Image, segment: Segment) -> Dynamic:
    """Return the table at *segment*, by its address and up to DT_NULL, as a loader reads it."""
    size = min(segment.filesz, _MAX_TABLE)
    entries, rest = _entries(image, image.window(segment.vaddr, size))
    if rest is None:
        entries, rest = _entries(image, image.window(segment.vaddr, _MAX_TABLE))
        rest = None if rest is None else ()
    if rest is None:
        image.complain("the dynamic table is cut off or lies outside the file's segments")
    return Dynamic(image, entries, rest or ())


def _entries(
    image: Image, data: bytes
) -> tuple[Sequence[tuple[int, int]], Sequence[tuple[int, int]] | None]:
    """Return tags and values up to DT_NULL, and what comes after it; None where it is not there."""
    entry = image.layout.dynamic
    entries: list[tuple[int, int]] = list(entry.iter_unpack(cut(data, entry.size)))
    end = next((at for at, (tag, _) in enumerate(entries) if tag == _DT_NULL), None)
    return (entries, None) if end is None else (entries[:end], entries[end:])
