"""What a detector is given, and what it returns."""

from __future__ import annotations

import struct
from typing import NamedTuple

from preflight.elf import Source
from preflight.model.requirements import Format

_HEAD_BYTES = 4096


class Found(NamedTuple):
    """A format of the report, and one plain sentence."""

    format: Format
    description: str


class Sample:
    """The beginning of a file, the rest of it where it is asked for, and its name."""

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self.name = name
        self.size_bytes = source.size_bytes
        self.head = source.read(0, _HEAD_BYTES)

    def number(self, form: str, offset: int) -> int:
        """Return the integer at *offset*, packed as `struct` writes it; 0 beyond the end."""
        size = struct.calcsize(form)
        data = self._source.read(offset, size)
        return int(struct.unpack(form, data)[0]) if len(data) == size else 0

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes at *offset*."""
        return self._source.read(offset, size)


def article(noun: str) -> str:
    """Return *noun* with "a" or "an" before it."""
    return f"{'an' if noun[:1] in 'aeiouAEIO' else 'a'} {noun}"
