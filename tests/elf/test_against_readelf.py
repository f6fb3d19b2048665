"""The reader and GNU readelf see the same in real files, of this machine and of others."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
from msgspec.structs import replace

from preflight.elf import read_bytes, read_file
from preflight.model.elf import Elf
from tests.elf import readelf
from tests.elf.files import FOREIGN, HERE, elf_files, sample

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("readelf") is None, reason="needs binutils"),
]


def differences(path: Path) -> list[str]:
    """Return in what reader and readelf differ, as text to show."""
    elf = read_file(path)
    theirs, ours = readelf.parse(readelf.run(str(path)), elf), readelf.view(elf)
    if elf.machine == readelf.EM_MIPS:  # GOT entries are uses without a relocation
        uses = {i: bits & theirs.uses[i] for i, bits in ours.uses.items() if i in theirs.uses}
        ours = ours._replace(uses=uses)
    # A type that only readelf has a name for.
    unnamed = {i for i, symbol in enumerate(theirs.symbols) if symbol.info is None}
    symbols = [s._replace(info=None) if i in unnamed else s for i, s in enumerate(ours.symbols)]
    pairs = zip(theirs._fields, theirs, ours._replace(symbols=symbols), strict=True)
    found = [f"{path}: {name}: {a!r} != {b!r}"[:500] for name, a, b in pairs if a != b]
    return found + ([f"{path}: {elf.defect}"] if elf.defect else [])


@pytest.mark.slow
def test_files_of_this_machine_read_as_readelf_reads_them():
    """Segments, names, versions, symbols and their uses equal readelf's, in 800 files."""
    files = sample(elf_files(*HERE), 800)

    assert [d for path in files for d in differences(path)] == []
    assert len(files) > 100


@pytest.mark.parametrize(("triplet", "package"), FOREIGN.items(), ids=FOREIGN)
def test_other_machines_read_as_readelf_reads_them(triplet, package):
    """Glibc's own libraries of other machines, classes and byte orders read the same."""
    directory = Path("/usr", triplet, "lib")
    if not directory.is_dir():
        pytest.skip(f"needs Debian's package {package}")
    files = elf_files(directory)

    assert [d for path in files for d in differences(path)] == []
    assert len(files) > 10


def without_head(elf: Elf) -> Elf:
    """Return *elf* without what a change of the section header fields changes by itself."""
    return replace(elf, head=b"", size_bytes=0)


def garbled(data: bytes) -> bytes:
    """Return *data* with a section header table that points at nothing."""
    wide = data[4] == 2
    order = "<" if data[5] == 1 else ">"
    out = bytearray(data)
    struct.pack_into(order + ("Q" if wide else "I"), out, 40 if wide else 32, 0x7FFFFFF0)
    struct.pack_into(order + "HHH", out, 58 if wide else 46, 1, 0xFFFF, 0xFFFE)
    return bytes(out)


def stripped(data: bytes) -> bytes:
    """Return *data* cut off behind its segments, where the section headers stood."""
    return data[: max(s.offset + s.filesz for s in read_bytes(data).segments)]


@pytest.mark.parametrize("change", [garbled, stripped])
def test_section_headers_do_not_matter(change):
    """A file without section headers, or with garbled ones, reads the same."""
    for path in sample(elf_files(*HERE), 60):
        data = path.read_bytes()

        assert without_head(read_bytes(data)) == without_head(read_bytes(change(data))), path
