"""What answers about loaders and directories mean."""

from __future__ import annotations

from preflight.model.elf import EM_X86_64, Elf, LoaderIdentity
from preflight.model.question import (
    Absent,
    BytesContent,
    ElfContent,
    FileState,
    List,
    Listing,
    ReadBytes,
    ReadElf,
)
from preflight.model.snapshot import Libc
from preflight.probe.libraries import everything, libcs_of

STATE = FileState(0o100755, 0, 0, 1, 1, 1, 1, 1, "/x")
LOADER = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"


def loader(family: str, release: str | None, *directories: str) -> ElfContent:
    hwcaps = ("x86-64-v2",) if family == "glibc" else ()
    identity = LoaderIdentity(family, release, None, directories, hwcaps, None, None)
    elf = Elf(size_bytes=1, head=b"", bits=64, machine=EM_X86_64, identity=identity)
    return ElfContent(STATE, "ab", elf)


def test_libc_is_what_the_bytes_of_its_loader_say():
    """Family, release and machine come from the loader's own Elf."""
    answers = {ReadElf(LOADER): loader("glibc", "2.36"), ReadElf(MUSL): loader("musl", "1.2.3")}

    libcs = libcs_of([LOADER, MUSL, "/lib/ld-linux.so.2"], answers)

    assert libcs == (
        Libc(LOADER, "x86_64", "glibc", "2.36"),
        Libc(MUSL, "x86_64", "musl", "1.2.3"),
    )


def test_loader_that_says_nothing_of_itself_is_of_an_unknown_family():
    """An ELF file without an identity is named, and not guessed at; a text file is none."""
    bare = ElfContent(STATE, "", Elf(size_bytes=1, head=b"", bits=64, machine=EM_X86_64))
    answers = {
        ReadElf("/a"): bare,
        ReadElf("/b"): ElfContent(STATE, "", Elf(size_bytes=1, head=b"x")),
    }

    assert libcs_of(["/a", "/b"], answers) == (Libc("/a", "x86_64", "unknown", None),)


def test_everything_grows_with_the_answers_until_nothing_is_new():
    """First loaders and cache, then their directories, then the libraries in them."""
    answers = {}
    host = {
        ReadElf(LOADER): loader("glibc", "2.36", "/lib/"),
        ReadBytes("/etc/ld.so.cache"): BytesContent(STATE, "", b"/opt/libx.so"),
        List("/lib"): Listing(("libc.so.6", "systemd")),
        List("/lib/glibc-hwcaps/x86-64-v2"): Listing(("libz.so.1",)),
    }
    rounds = 0

    while new := set(everything([LOADER], answers, lambda data: [data.decode()])) - set(answers):
        answers |= {question: host.get(question, Absent()) for question in new}
        rounds += 1

    read = {question.path for question in answers if isinstance(question, ReadElf)}
    expected = {LOADER, "/opt/libx.so", "/lib/libc.so.6", "/lib/glibc-hwcaps/x86-64-v2/libz.so.1"}
    assert (read, rounds) == (expected, 3)


def test_musl_directories_come_from_its_path_file():
    """Where the path file is, its directories are listed, and without it musl's defaults."""
    path = ReadBytes("/etc/ld-musl-x86_64.path")
    without = {ReadElf(MUSL): loader("musl", "1.2.3")}
    with_file = without | {path: BytesContent(STATE, "", b"/a:/b\n/c\n")}

    default, own = (
        [q.path for q in everything([MUSL], a, lambda data: []) if isinstance(q, List)]
        for a in (without, with_file)
    )

    assert default == ["/lib", "/usr/local/lib", "/usr/lib"]
    assert own == ["/a", "/b", "/c"]
