"""What kind of host this is, in one line."""

from __future__ import annotations

from preflight.model.snapshot import Facts, Libc
from preflight.report.system import describe
from tests.builders.report import LOADER, facts


def test_hosts_alike_are_one_system():
    """Operating system, C library and machine."""
    assert describe([facts(), facts()]) == "Debian GNU/Linux 12, glibc 2.36, x86_64"


def test_what_differs_is_left_out():
    """Where systems differ their number is told, and what they have in common."""
    old = facts(os="Debian GNU/Linux 11 (bullseye)", libcs=())

    assert describe([facts(), old]) == "2 systems, x86_64"


def test_only_libraries_of_the_own_machine_count():
    """A 64-bit host with a 32-bit libc beside its own has the one of its machine."""
    libcs = (Libc(LOADER, "x86_64", "glibc", "2.36"), Libc("/lib/ld", "i386", "musl", "1.2"))

    assert "glibc 2.36, x86_64" in describe([facts(libcs=libcs)])
    assert "glibc 2.36, musl 1.2, aarch64" in describe([facts(libcs=libcs, machine="aarch64")])


def test_library_of_the_program_comes_first():
    """A host with both C libraries is first of all one that has what the program needs."""
    libcs = (Libc("/lib/ld", "x86_64", "musl", "1.2"), Libc(LOADER, "x86_64", "glibc", "2.36"))
    both = [facts(libcs=libcs)]

    assert "glibc 2.36, musl 1.2, x86_64" in describe(both)
    assert "musl 1.2, glibc 2.36, x86_64" in describe(both, "musl")


def test_release_that_is_not_known_is_a_question_mark():
    """A libc whose bytes do not say its release is still a libc."""
    assert "musl ?" in describe([facts(libcs=(Libc("/lib/ld", "x86_64", "musl", None),))])


def test_nothing_known_is_nothing_said():
    """A host that says nothing of itself has an empty description."""
    assert describe([Facts()]) == ""
    assert describe([]) == ""
