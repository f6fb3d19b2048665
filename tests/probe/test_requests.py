"""How one round is written, and what its frames mean."""

from __future__ import annotations

import pytest

from preflight.errors import ProbeError
from preflight.probe.frames import Frame
from preflight.probe.requests import Plan, Range, Round


def ignore(path: str, data: bytes) -> None:
    pass


def test_plain_paths_share_requests_and_odd_ones_do_not():
    """Up to 128 paths in a line; a path in octal has its own."""
    plan = Plan(states=dict.fromkeys([*(f"/{n}" for n in range(200)), "/a b"]))

    lines = Round(plan, ignore).encode().decode().split("\n")

    assert [len(line.split(" ")) - 2 for line in lines[:-2]] == [128, 1, 72]
    assert "S 1 /a\\0040b" in lines
    assert lines[-2:] == [".", ""]


def test_transferred_files_are_looked_at_again_at_the_end():
    """A content counts only with the state that the file has after it."""
    plan = Plan(contents={"/a": 9}, ranges={"/b": Range(65536, 131072)})

    lines = Round(plan, ignore).encode()

    assert lines == b"C 0 /a 9\nP 1 /b 1 2\nS 2 /a /b\n.\n"


def test_hashes_are_found_by_their_paths():
    """Order and completeness do not matter; other paths are not believed."""
    this = Round(Plan(hashes={"/a": None, "/b": None}), ignore)

    this.take(Frame("H", 0, b"%b  /b\n%b *//c\nnonsense\n" % (b"1" * 64, b"2" * 64)))

    assert this.replies.hashes == {"/b": "1" * 64}


def test_hash_of_a_lone_odd_path_is_found_whatever_is_printed():
    """Tools quote odd names each in their own way."""
    this = Round(Plan(hashes={"/a\n": None}), ignore)

    this.take(Frame("H", 0, b"\\%b  /a\\n\n" % (b"1" * 64)))

    assert this.replies.hashes == {"/a\n": "1" * 64}


def test_names_are_told_without_dots():
    """A name ends with a slash; "." and ".." are no names."""
    this = Round(Plan(names={"/d": None}), ignore)

    this.take(Frame("L", 0, b"./../a\nb/\xff/"))

    assert this.replies.names == {"/d": ("a\nb", "\udcff")}


@pytest.mark.parametrize(
    "frame",
    [
        Frame("C", 0, b"ten bytes!"),
        Frame("C", 7, b""),
        Frame("H", 0, b""),
        Frame("P", 1, b"short"),
        Frame("Z", 0, b""),
    ],
)
def test_answers_that_nobody_asked_for_are_refused(frame):
    """Too much, another request's, of another kind."""
    this = Round(Plan(contents={"/a": 9}, ranges={"/b": Range(0, 65536)}), ignore)

    with pytest.raises(ProbeError):
        this.take(frame)
