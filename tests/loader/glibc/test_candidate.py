"""What ld.so says of a file, for machines and pages that are not at hand."""

from __future__ import annotations

import pytest

from preflight.elf import read_bytes
from preflight.loader.glibc.candidate import Examination, Fate, Site, examine
from preflight.loader.glibc.release import rules_of
from preflight.model.elf import EM_ARM
from tests.builders.elf import build_elf

HARD, SOFT = 0x05000400, 0x05000200


def site(release=(2, 36), *, page_size=4096, kernel=(6, 1, 0), multiarch=False, **loader) -> Site:
    """Return what the tests depend on besides the file."""
    return Site(read_bytes(build_elf(**loader)), rules_of(release), page_size, kernel, multiarch)


def words(data: bytes, where: Site) -> str:
    """Return the loader's words for a file."""
    return examine(read_bytes(data), where).words


def test_good_library_is_used():
    """A library for this machine is taken."""
    assert examine(read_bytes(build_elf()), site()) == Examination(Fate.USED)


@pytest.mark.parametrize(("multiarch", "fate"), [(False, Fate.FATAL_AT_OPEN), (True, Fate.SKIPPED)])
def test_other_byte_order_is_fatal_but_for_debian(multiarch, fate):
    """Upstream complains of the encoding before it looks at the machine, Debian after."""
    foreign = read_bytes(build_elf(endian="big"))

    assert examine(foreign, site(multiarch=multiarch)).fate is fate


@pytest.mark.parametrize(("library", "loader"), [(SOFT, HARD), (HARD, SOFT)])
def test_other_float_abi_of_arm_is_an_internal_error(library, loader):
    """Armhf refuses armel's libraries and the other way round (sysdeps/arm/ldsodefs.h)."""
    arm = {"machine": EM_ARM, "bits": 32}
    file = build_elf(**arm, e_flags=library)

    assert words(file, site(**arm, e_flags=loader)) == "internal error"


def test_arm_library_of_either_float_abi_is_taken():
    """Neither flag fits both."""
    arm = {"machine": EM_ARM, "bits": 32}
    file = build_elf(**arm, e_flags=0x05000000)

    assert examine(read_bytes(file), site(**arm, e_flags=HARD)).fate is Fate.USED


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ((2, 31), "ELF load command alignment not page-aligned"),
        ((2, 34), "ELF load command alignment not page-aligned"),
        ((2, 36), ""),
    ],
)
def test_library_for_4k_pages_on_64k_pages(release, said):
    """Up to 2.34 the alignment has to be the page's; later only offset and address count."""
    assert words(build_elf(), site(release, page_size=65536)) == said


def test_library_that_is_not_congruent_on_64k_pages():
    """Offset and address have to agree modulo the page."""
    data = bytearray(build_elf(exec_stack=None, dynamic=False))
    data[64 + 16 : 64 + 24] = (0x1000).to_bytes(8, "little")  # p_vaddr

    assert words(bytes(data), site(page_size=65536)) == (
        "ELF load command address/offset not page-aligned"
    )
