"""A bundle laid over a host: what hides what, and what is still to be asked."""

from __future__ import annotations

from preflight.model.elf import Elf
from preflight.model.overlay import Overlay, Unpacked
from preflight.model.question import (
    NOT_ASKED,
    Absent,
    ElfContent,
    Failed,
    FileState,
    List,
    Listing,
    ReadElf,
    Stat,
)
from preflight.model.requirements import Bundle, Entry
from tests.builders import host as h

ENTRIES = (
    Entry(path="", kind="directory", number=0),
    Entry(path="lib", kind="directory", number=1),
    Entry(path="lib/libx.so.1.0", kind="file", number=2, head=b"text", size_bytes=4),
    Entry(path="lib/libx.so.1", kind="symlink", number=3, target="libx.so.1.0"),
    Entry(path="lib64", kind="symlink", number=4, target="lib"),
    Entry(path="loop", kind="symlink", number=5, target="loop"),
    Entry(path="etc", kind="symlink", number=6, target="/etc"),
)
BUNDLE = Bundle(entries=ENTRIES, members=())
HERE = h.state(real="/opt/app")


def asking(answers: dict, root: str = "/opt/app") -> Unpacked:
    """Return who asks a host with these answers."""
    return Unpacked(Overlay(BUNDLE, root, answers))


def test_a_file_is_found_by_every_way_to_it():
    """Links of the bundle lead to one file with one identity, without a question."""
    inquiry = asking({})
    ways = ("lib/libx.so.1.0", "lib/libx.so.1", "lib64/libx.so.1", "lib/../lib64/./libx.so.1")

    answers = [inquiry.elf(f"/opt/app/{way}") for way in ways]

    assert all(isinstance(answer, ElfContent) for answer in answers)
    assert 1 == len(set(map(repr, answers)))
    assert () == inquiry.open


def test_the_bundle_hides_what_lies_there():
    """Unpacking overwrites an older file of the host."""
    path = "/opt/app/lib/libx.so.1.0"
    old = ElfContent(h.state(), "", Elf(size_bytes=1, head=b"o"))

    answer = asking({ReadElf(path): old}).elf(path)

    assert isinstance(answer, ElfContent)
    assert b"text" == answer.elf.head


def test_what_the_bundle_has_not_is_asked_of_the_host():
    """Also behind a link of the bundle, by the path to which that leads."""
    inquiry = asking({})

    assert NOT_ASKED is inquiry.elf("/opt/app/lib64/liby.so")
    assert NOT_ASKED is inquiry.elf("/opt/app/etc/x")
    assert NOT_ASKED is inquiry.elf("/usr/lib/../lib/z")
    assert [
        ReadElf("/opt/app/lib/liby.so"),
        ReadElf("/etc/x"),
        ReadElf("/usr/lib/../lib/z"),
    ] == list(inquiry.open)


def test_a_loop_of_links_fails():
    """Unpacked, it would be ELOOP."""
    assert Failed("ELOOP") == asking({}).elf("/opt/app/loop/x")


def test_directories_show_the_names_of_both():
    """A directory that the host has too is merged; one that it has not is there afterwards."""
    host = {
        List("/opt/app/lib"): Listing(("old.so", "libx.so.1")),
        Stat("/opt/app/lib"): Absent(),
        Stat("/opt"): Absent(),
        List("/opt"): Absent(),
    }
    inquiry = asking(host)

    listing = inquiry.names("/opt/app/lib")

    assert isinstance(listing, Listing)
    assert {"libx.so.1.0", "libx.so.1", "old.so"} == set(listing.names)
    for path in ("/opt/app/lib", "/opt"):
        state = inquiry.stat(path)
        assert isinstance(state, FileState)
        assert "directory" == state.kind
    assert Listing(("app",)) == inquiry.names("/opt")


def test_a_root_behind_a_link_of_the_host_is_known_by_both_names():
    """Where /opt/app leads elsewhere, the bundle's files lie there."""
    host = {Stat("/opt/app"): h.state(mode=0o040755, real="/srv/app")}

    assert isinstance(asking(host).elf("/srv/app/lib/libx.so.1"), ElfContent)
