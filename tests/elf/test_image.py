"""The bytes of a file by the addresses that its segments give them."""

from __future__ import annotations

from preflight.elf.image import Image, Layout
from preflight.elf.source import BytesSource
from preflight.model.elf import PT_LOAD, Segment


def test_a_table_goes_on_in_the_next_segment():
    """As patchelf lays a long string table: memory has no seam between two pages."""
    image = Image(BytesSource(b"-ABCxxDEF"), Layout(64, "little"))
    image.map([Segment(PT_LOAD, 4, 6, 0x1003, 3, 3, 1), Segment(PT_LOAD, 4, 1, 0x1000, 3, 3, 1)])

    assert (b"BCDE", 5) == (image.window(0x1001, 4), image.extent(0x1001))
    assert (b"CDEF", 0) == (image.window(0x1002, 9), image.extent(0x1006))
    assert image.defect is None
