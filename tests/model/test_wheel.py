"""What a wheel's name claims, beside what is in it."""

from __future__ import annotations

import pytest

from preflight.model.requirements import GlibcFloor
from preflight.model.wheel import broken_claim, claimed
from tests.builders import host as h


@pytest.mark.parametrize(
    ("tags", "claim"),
    [
        ("manylinux_2_28_x86_64", ("glibc", "2.28")),
        ("manylinux_2_17_x86_64.manylinux2014_x86_64", ("glibc", "2.17")),
        ("manylinux_2_5_i686.manylinux1_i686.manylinux_2_17_i686", ("glibc", "2.5")),
        ("manylinux2010_x86_64", ("glibc", "2.12")),
        ("musllinux_1_1_aarch64", ("musl", "1.1")),
        ("linux_x86_64", None),
        ("any", None),
        ("macosx_11_0_arm64", None),
    ],
)
def test_the_oldest_release_of_several_tags_is_the_claim(tags, claim):
    """An installer takes the file where any of its tags fits."""
    assert claim == claimed(f"x-1.0-cp311-cp311-{tags}.whl")


def test_other_files_claim_nothing():
    """Only a wheel's name has tags."""
    assert claimed("x-1.0-manylinux_2_28_x86_64.tar.gz") is None


@pytest.mark.parametrize(
    ("tag", "libc", "floor", "broken"),
    [
        ("manylinux_2_28_x86_64", "glibc", "2.28", None),
        ("manylinux_2_17_x86_64", "glibc", "2.28", "claims glibc 2.17, and x.so needs 2.28"),
        ("manylinux_2_28_x86_64", "glibc", "2.3.4", None),
        ("musllinux_1_1_x86_64", "glibc", "2.4", "claims musl, and x.so is linked for glibc"),
        ("manylinux_2_28_x86_64", "musl", None, "claims glibc, and x.so is linked for musl"),
        ("linux_x86_64", "glibc", "2.41", None),
    ],
)
def test_a_claim_that_does_not_hold_is_told(tag, libc, floor, broken):
    """A member that needs a newer libc than the tag says, or another one, breaks the claim."""
    needs = floor and GlibcFloor(floor, ())
    member = h.requirements(h.elf(), inner="x.so", libc=libc, glibc_floor=needs)

    assert broken == broken_claim(f"x-1.0-cp311-cp311-{tag}.whl", (member,))
