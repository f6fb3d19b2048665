"""Bytes come from memory, from a file or from ranges, and read the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from preflight.elf import BytesSource, FileSource, RangeNeeded, SparseSource, read, read_bytes
from preflight.elf.source import GRANULE
from tests.builders.elf import build_elf

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/libstdc++.so.6")
needs_library = pytest.mark.skipif(not LIBRARY.exists(), reason="needs libstdc++6 of amd64")


def fill(source: SparseSource, data: bytes) -> list[tuple[int, int]]:
    """Read through *source*, giving it what it asks for; return what that was."""
    asked: list[tuple[int, int]] = []
    while True:
        try:
            read(source)
        except RangeNeeded as needed:
            asked.append((needed.offset, needed.size))
            source.add(needed.offset, data[needed.offset : needed.offset + needed.size])
        else:
            return asked


@needs_library
def test_all_sources_read_the_same():
    """A file read from memory, from disk and in ranges gives one value."""
    data = LIBRARY.read_bytes()
    sparse = SparseSource(len(data))
    fill(sparse, data)
    with LIBRARY.open("rb") as file:
        from_disk = read(FileSource(file))

    assert read_bytes(data) == from_disk == read(sparse)


@needs_library
def test_only_the_tables_are_asked_for():
    """A library read in ranges asks a few times, never twice, and not for its code."""
    data = LIBRARY.read_bytes()
    grown = data + bytes(100 * GRANULE)

    asked = fill(SparseSource(len(grown)), grown)

    assert len(asked) == len(set(asked)) < 8
    assert sum(size for _, size in asked) < len(data) * 0.6


@pytest.mark.parametrize("kind", ["bytes", "file", "sparse"])
def test_a_source_is_short_at_its_end(tmp_path, kind):
    """Reading across the end gives what there is, beyond it nothing."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    sparse = SparseSource(10)
    sparse.add(0, b"01234")
    sparse.add(3, b"3456789")
    with path.open("rb") as file:
        sources = {"bytes": BytesSource(b"0123456789"), "file": FileSource(file), "sparse": sparse}
        source = sources[kind]

        assert source.size_bytes == 10
        assert [source.read(4, 3), source.read(8, 5), source.read(11, 1)] == [b"456", b"89", b""]


def test_a_missing_range_is_named_and_rounded():
    """A sparse source asks for whole granules, and never beyond its end."""
    source = SparseSource(2 * GRANULE + 10)
    source.add(0, bytes(GRANULE))

    with pytest.raises(RangeNeeded) as needed:
        source.read(GRANULE - 1, 2)
    assert (needed.value.offset, needed.value.size) == (GRANULE, GRANULE)
    with pytest.raises(RangeNeeded) as needed:
        source.read(2 * GRANULE, 5)
    assert (needed.value.offset, needed.value.size) == (2 * GRANULE, 10)


def test_a_file_that_shrinks_while_it_is_read_is_truncated(tmp_path):
    """A local file cut off after it was opened is read as a truncated one."""
    path = tmp_path / "file"
    path.write_bytes(build_elf(needed=["libc.so.6"]))
    with path.open("rb") as file:
        source = FileSource(file)
        path.write_bytes(path.read_bytes()[:80])

        assert read(source).defect is not None
