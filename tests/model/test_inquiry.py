"""What an inquiry answers from what is known, and what it has to ask."""

from __future__ import annotations

import pytest

from preflight.model.inquiry import Inquiry
from preflight.model.question import NOT_ASKED, Absent, List, Listing, ReadElf

KNOWN = {
    List("/lib/"): Listing(("here.so",)),
    List("/usr"): Listing(("bin",)),
    List("/opt"): Absent("ENOTDIR"),
}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/lib/gone.so", Absent()),
        ("/lib/glibc-hwcaps/x86-64-v3/gone.so", Absent()),
        ("/usr/lib/gone.so", Absent()),
        ("/opt/app/lib", Absent("ENOTDIR")),
        ("/usr/lib/", Absent()),
        ("/lib/here.so", NOT_ASKED),
        ("/usr/bin/ls", NOT_ASKED),
        ("/usr/bin/../lib/gone.so", NOT_ASKED),
        ("/srv/gone.so", NOT_ASKED),
        ("relative", NOT_ASKED),
    ],
)
def test_listing_says_what_is_not_there(path, answer):
    """A name that a listing above it leaves out is absent; for the others somebody has to look."""
    inquiry = Inquiry(KNOWN)

    assert answer == inquiry.elf(path)
    assert ((ReadElf(path),) if answer is NOT_ASKED else ()) == inquiry.open
