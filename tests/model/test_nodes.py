"""Version nodes: what kind they are of, and which is the newest."""

from __future__ import annotations

from preflight.model.nodes import kind, newest


def test_nodes_have_a_kind_and_a_number():
    """Letters in a number make a node a kind of its own."""
    assert ("GLIBC", (2, 36)) == kind("GLIBC_2.36")
    assert ("NCURSES6_TINFO", (5, 0, 19961017)) == kind("NCURSES6_TINFO_5.0.19961017")
    assert ("OPENSSL_1_1_0d", ()) == kind("OPENSSL_1_1_0d")
    assert ("GLIBC_" + 5000 * "9", ()) == kind("GLIBC_" + 5000 * "9")


def test_the_newest_is_so_by_number_within_its_kind():
    """A node without number is the newest of its own."""
    nodes = ("GLIBC_2.36", "GLIBC_PRIVATE", "GLIBC_2.4")

    assert {"GLIBC": "GLIBC_2.36", "GLIBC_PRIVATE": "GLIBC_PRIVATE"} == newest(nodes)


def test_the_caller_may_tell_kinds_otherwise():
    """By the first letter, the last in the alphabet is the newest."""
    assert {"A": "AZ", "B": "BC"} == newest(("AB", "AZ", "BC"), lambda node: (node[0], node))
