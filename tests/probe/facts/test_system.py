"""Names and versions."""

from __future__ import annotations

import pytest

from preflight.probe.facts import system
from preflight.probe.facts.outputs import Unknown

LDD = {
    "ldd (Ubuntu GLIBC 2.31-0ubuntu9.2) 2.31\nCopyright (C) 2020\n": ("glibc", "2.31"),
    "ldd (Debian GLIBC 2.36-9+deb12u14) 2.36\n": ("glibc", "2.36"),
    "ldd (GNU libc) 2.28\n": ("glibc", "2.28"),
    "ldd (GNU libc) 2.40.9000\n": ("glibc", "2.40.9000"),
    "ldd (SUSE (x) GLIBC 2.31) 2.31\n": ("glibc", "2.31"),
    "musl libc (x86_64)\nVersion 1.2.3\nDynamic Program Loader\n": ("musl", "1.2.3"),
    "musl libc (aarch64)\nVersion 1.2.4_git20230717\nUsage: ldd\n": ("musl", "1.2.4"),
}


@pytest.mark.parametrize("said", LDD)
def test_ldd_names_the_libc_in_every_form(said):
    """All the distributions' forms, and musl's on standard error."""
    outputs = {"ldd": said.encode()}

    found = (system.parse_ldd_family(outputs), system.parse_ldd_version(outputs))

    assert found == LDD[said]


@pytest.mark.parametrize("said", ["", "sh: 1: ldd: not found\n", "ldd: 2.36\n", "x (y) 2.36\n"])
def test_other_words_of_ldd_are_unknown(said):
    """A host without ldd has no version, and the reason quotes what it said."""
    found = system.parse_ldd_version({"ldd": said.encode()})

    assert isinstance(found, Unknown)
    assert said.strip()[:20] in found.reason


def test_release_of_a_kernel_may_hold_blanks():
    """The machine is the last word, the release all between."""
    outputs = {"uname": b"Linux 5.10.0 custom build aarch64\n"}

    assert system.parse_kernel(outputs) == "5.10.0 custom build"
    assert system.parse_machine(outputs) == "aarch64"


def test_os_release_is_unquoted_as_a_shell_does():
    """Quotes of both kinds, comments and a missing version are understood."""
    outputs = {"os": b'# x\nPRETTY_NAME="A \\"B\\""\nID=\'alpine\'\n'}

    assert system.parse_os(outputs) == 'A "B"'
    assert system.parse_os_id(outputs) == "alpine"
    assert system.parse_os_version(outputs) is None


def test_system_without_os_release_is_unknown():
    """No file is not the same as a file without a name."""
    assert isinstance(system.parse_os({}), Unknown)


def test_loaders_stand_once_in_order():
    """Two patterns may match one path."""
    outputs = {"loaders": b"/lib/ld-linux.so.2\n/lib64/a\n/lib/ld-linux.so.2\n"}

    assert system.parse_loaders(outputs) == ("/lib/ld-linux.so.2", "/lib64/a")


def test_user_without_a_name_is_unknown():
    """A user id that no account has still has its number."""
    outputs = {"ids": b"1000\n1000 4\n"}

    assert (system.parse_uid(outputs), system.parse_gids(outputs)) == (1000, (1000, 4))
    assert isinstance(system.parse_user(outputs), Unknown)
