"""
Which compilers and linkers made a binary, as far as it tells.

They leave their names in ``.comment`` and in notes of their own, which only the
section headers lead to.  No kernel and no loader looks at these, and they may
be missing or garbled: what comes of them is advice, and never part of a verdict.
Source: gABI, "Sections"; GCC's -fident; gold/layout.cc, create_gold_note().
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from struct import Struct

from preflight.elf.source import Source
from preflight.model import text
from preflight.model.elf import Elf
from preflight.model.go import GoBuild
from preflight.model.toolchain import Toolchain

_COMMENT, _GOLD = b".comment", b".note.gnu.gold-version"
_NAME_BYTES = 32  # more than the longest of them
_SECTIONS = 8  # of these names that are read; a file has one of each
_TABLE_BYTES = 1 << 20  # of section headers, and of their names
_CONTENT_BYTES = 64 << 10
_MOST = 32  # texts that are told
_TEXT_BYTES = 200
_SHN_XINDEX = 0xFFFF  # e_shstrndx: too large, and in the first section's sh_link
_NOTE_HEAD = 12  # bytes of a note before its owner "GNU\0"
_OWNER = 4

# In the order in which they are tried: what is built on another's is named first.
_TOOLS = (
    ("zig", re.compile(r"\bziglang/|^zig (\d[\w.+-]*)")),
    ("rustc", re.compile(r"^rustc version (\d[\w.+-]*)")),
    ("lld", re.compile(r"^Linker: .*?\bLLD (\d[\w.+-]*)")),
    ("mold", re.compile(r"^(?:mold|sold) (\d[\w.+-]*)")),
    ("gold", re.compile(r"^gold (\d[\w.+-]*)")),
    ("flang", re.compile(r"\bflang(?:-new)? version (\d[\w.+-]*)")),
    ("ldc", re.compile(r"^ldc version (\d[\w.+-]*)")),
    ("clang", re.compile(r"\bclang version (\d[\w.+-]*)")),
    ("ghc", re.compile(r"^GHC (\d[\w.+-]*)")),
    ("intel", re.compile(r"^Intel\(R\) .*?(?:Version|Compiler) (\d[\w.+-]*)")),
    ("gcc", re.compile(r"^GCC: \((?:[^()]|\([^()]*\))*\) (\d[\w.+-]*)")),
)


def toolchain(source: Source, elf: Elf, go: GoBuild | None) -> tuple[Toolchain, ...]:
    """Return the toolchains that the file names, each text once; Go by its build information."""
    texts = dict.fromkeys(_texts(source, elf))
    told = tuple(_told(one) for one in list(texts)[:_MOST])
    return (Toolchain("go", go.release.removeprefix("go"), go.release), *told) if go else told


def _told(line: str) -> Toolchain:
    for name, pattern in _TOOLS:
        if match := pattern.search(line):
            return Toolchain(name, match[1], line)
    return Toolchain(None, None, line)


def _texts(source: Source, elf: Elf) -> Iterator[str]:
    for name, content in itertools.islice(_sections(source, elf), _SECTIONS):
        if name == _COMMENT:
            lines = content.split(b"\0")
            yield from (text.decode(line[:_TEXT_BYTES]) for line in lines if line.strip())
        else:
            line = content[_NOTE_HEAD + _OWNER :].partition(b"\0")[0][:_TEXT_BYTES]
            yield text.decode(line)


def _sections(source: Source, elf: Elf) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of the sections that tell of tools, none where there is no table."""
    form = _Form(elf)
    table = [form.entry.unpack(raw) for raw in form.raw_entries(source, elf)]
    if not table:
        return
    index = form.names_index if form.names_index != _SHN_XINDEX else table[0][form.LINK]
    if index >= len(table):
        return
    names = _content(source, table[index], _TABLE_BYTES)
    for entry in table:
        at = entry[form.NAME]
        name = names[at : at + _NAME_BYTES].partition(b"\0")[0]
        if name in (_COMMENT, _GOLD):
            yield name, _content(source, entry, _CONTENT_BYTES)


def _content(source: Source, entry: tuple[int, ...], most: int) -> bytes:
    offset, size = entry[_Form.OFFSET], entry[_Form.SIZE]
    # An offset that is none is not handed to the file.
    return source.read(offset, min(size, most)) if offset < source.size_bytes else b""


class _Form:
    """The section header table of one file."""

    NAME, TYPE, FLAGS, ADDRESS, OFFSET, SIZE, LINK = range(7)

    def __init__(self, elf: Elf) -> None:
        order = "<" if elf.endian == "little" else ">"
        wide = elf.bits == 64
        self.entry = Struct(order + ("IIQQQQIIQQ" if wide else "10I"))
        # e_shoff, then e_flags … e_phnum, then e_shentsize, e_shnum, e_shstrndx.
        self._header = Struct(order + ("40xQ10xHHH" if wide else "32xI10xHHH"))
        self.names_index = 0

    def raw_entries(self, source: Source, elf: Elf) -> Iterator[bytes]:
        """Yield the headers that are whole; too many are no table."""
        head = source.read(0, self._header.size)
        if not elf.bits or len(head) < self._header.size:
            return
        offset, entry_bytes, count, self.names_index = self._header.unpack(head)
        if entry_bytes != self.entry.size or not 0 < offset < source.size_bytes:
            return
        if count == 0:  # 65,280 or more: the first header's sh_size tells
            first = source.read(offset, self.entry.size)
            count = self.entry.unpack(first)[self.SIZE] if len(first) == self.entry.size else 0
        data = source.read(offset, min(count * self.entry.size, _TABLE_BYTES))
        whole = len(data) - len(data) % self.entry.size
        for at in range(0, whole, self.entry.size):
            yield data[at : at + self.entry.size]
