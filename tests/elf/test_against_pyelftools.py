"""The reader and pyelftools see the same, where pyelftools reads a file right."""

from __future__ import annotations

from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

from preflight.elf import read_file
from preflight.model.elf import Elf
from tests.elf.files import HERE, elf_files, sample
from tests.elf.readelf import rows

pytestmark = pytest.mark.slow

INFO = {"STB_LOCAL": 0, "STB_GLOBAL": 1, "STB_WEAK": 2, "STB_LOOS": 10}
TYPES = {"STT_NOTYPE": 0, "STT_OBJECT": 1, "STT_FUNC": 2, "STT_SECTION": 3, "STT_TLS": 6}
TYPES |= {"STT_COMMON": 5, "STT_LOOS": 10}
Symbol = tuple[str, int, int]


def theirs(path: Path) -> tuple[list[str], list[Symbol]] | None:
    """Return the needed names, and name, st_info and size of each symbol."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        segment = next((s for s in elf.iter_segments() if isinstance(s, DynamicSegment)), None)
        if segment is None:
            return None
        needed = [tag.needed for tag in segment.iter_tags("DT_NEEDED")]
        return needed, [row(s.name, s["st_info"], s["st_size"]) for s in segment.iter_symbols()]


def row(name: str, info: dict[str, str], size: int) -> Symbol:
    """Return a symbol with its size, 0 of code."""
    code = info["type"] in ("STT_FUNC", "STT_LOOS")
    return name, INFO[info["bind"]] << 4 | TYPES[info["type"]], 0 if code else size


def ours(elf: Elf) -> list[Symbol]:
    """Return the same of what the reader found."""
    return [(name, record[1], record[5]) for name, record in rows(elf)]


def test_symbols_and_needed_names_equal_those_of_pyelftools():
    """Names, bindings, types and sizes agree; where pyelftools counts too few, so far."""
    checked = 0
    for path in sample([p for p in elf_files(*HERE) if p.stat().st_size < 300_000], 100):
        answer = theirs(path)
        if answer is not None:
            elf = read_file(path)
            needed, symbols = answer

            assert needed == list(elf.needed), path
            # It takes a program without exports for one with a single symbol.
            assert symbols == ours(elf)[: len(symbols)], path
            checked += 1
    assert checked > 50
