"""Objects are relocated in the order in which ld.so sorts them."""

import pytest

from preflight.loader.glibc.order import relocation_order
from preflight.loader.setting import Object
from preflight.model.elf import Elf

ELF = Elf(size_bytes=0, head=b"")


def objects(*depends):
    """Return objects in load order, each with the places of what it needs."""
    return [
        Object(
            name=str(place), path=str(place), elf=ELF, names=(), rule="", needed_by=(), depends=d
        )
        for place, d in enumerate(depends)
    ]


@pytest.mark.parametrize("depth_first", [True, False])
def test_what_is_needed_comes_before_who_needs_it(depth_first):
    """A library is relocated after its dependencies, the program last."""
    order = relocation_order(objects((1, 2), (3,), (1,), ()), depth_first=depth_first)

    assert [3, 1, 2, 0] == order


def test_unrelated_libraries_come_from_the_end():
    """Among libraries that do not need each other the last loaded one is first."""
    order = relocation_order(objects((1, 2, 3), (), (), ()), depth_first=True)

    assert [3, 2, 1, 0] == order


@pytest.mark.parametrize(("depth_first", "order"), [(True, [1, 2, 0]), (False, [2, 1, 0])])
def test_releases_differ_in_a_cycle(depth_first, order):
    """Where two need each other the sort by depth and the old one end differently."""
    cycle = objects((1, 2), (2,), (1,))

    assert order == relocation_order(cycle, depth_first=depth_first)
