"""Which C libraries a host has."""

from __future__ import annotations

import pytest

from preflight.model.elf import EM_X86_64, Elf, LoaderIdentity
from preflight.model.question import Absent, ElfContent, FileState, ReadElf
from preflight.model.snapshot import Libc
from preflight.probe.libcs import libcs_of

LOADER = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"


def loader(family: str | None, release: str | None, real: str = "/x") -> ElfContent:
    state = FileState(0o100755, 0, 0, 1, 1, 1, 1, 1, real)
    identity = LoaderIdentity(family, release, None, (), (), None, None) if family else None
    elf = Elf(size_bytes=1, head=b"", bits=64, machine=EM_X86_64, identity=identity)
    return ElfContent(state, "ab", elf)


def test_libc_is_what_the_bytes_of_its_loader_say():
    """Family, release and machine come from the loader's own Elf."""
    answers = {
        ReadElf(LOADER): loader("glibc", "2.36"),
        ReadElf(MUSL): loader("musl", "1.2.3"),
        ReadElf("/lib/ld-linux.so.2"): Absent(),
    }

    libcs = libcs_of([LOADER, MUSL, "/lib/ld-linux.so.2", "/not/asked"], answers)

    assert libcs == (
        Libc(LOADER, "x86_64", "glibc", "2.36"),
        Libc(MUSL, "x86_64", "musl", "1.2.3"),
    )


def test_file_that_is_no_known_loader_is_no_libc():
    """What says nothing of itself is not guessed at."""
    assert libcs_of([LOADER], {ReadElf(LOADER): loader(None, None)}) == ()


@pytest.mark.parametrize(
    ("real", "release"),
    [
        ("/lib/x86_64-linux-gnu/ld-2.31.so", "2.31"),
        ("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", None),
        ("/lib/ld-x.so", None),
        ("", None),
    ],
)
def test_old_loader_has_its_release_in_its_name(real, release):
    """Up to 2.33 the file that the link leads to is called by its release."""
    (libc,) = libcs_of([LOADER], {ReadElf(LOADER): loader("glibc", None, real)})

    assert libc.version == release
