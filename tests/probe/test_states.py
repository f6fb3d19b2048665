"""What stat, ls and error lines say."""

from __future__ import annotations

import pytest

from preflight.model.question import Absent, Failed, FileState
from preflight.probe.states import parse_errno, parse_failure, parse_state, parse_states

LINE = b"81ed 0 4 65024 260601 151344 1663687647 1663687649"
STATE = FileState(0o100755, 0, 4, 65024, 260601, 151344, 1663687647, 1663687649, "/usr/bin/ls")


@pytest.mark.parametrize(
    ("line", "errno"),
    [
        (b"stat: cannot statx '/nope': No such file or directory\n", "ENOENT"),
        (b"stat: can't stat '/nope': No such file or directory", "ENOENT"),
        (b"stat: cannot stat '/a: Permission denied/b': Not a directory", "ENOTDIR"),
        (b"head: cannot open '/x' for reading: Permission denied", "EACCES"),
        (b"x: Too many levels of symbolic links", "ELOOP"),
        (b"x: Symbolic link loop", "ELOOP"),
        (b"x: File name too long", "ENAMETOOLONG"),
        (b"x: Filename too long", "ENAMETOOLONG"),
        (b"x: I/O error", "EIO"),
        (b"x: Something \x1b[31mnew", r"Something \x1b[31mnew"),
    ],
)
def test_error_lines_name_the_errno(line, errno):
    """The words of glibc and musl, behind whatever the tool says; others stand as they are."""
    assert parse_errno(line) == errno


def test_absent_is_not_failed():
    """Nothing there, or no directory on the way, is an answer; all else is a failure."""
    assert parse_failure(b"x: No such file or directory") == Absent("ENOENT")
    assert parse_failure(b"x: Not a directory") == Absent("ENOTDIR")
    assert parse_failure(b"x: Permission denied") == Failed("EACCES")
    assert parse_failure(b"") == Failed("changed while it was looked at")


def test_state_is_read_from_stat():
    """The eight numbers, and the real path."""
    assert parse_state(LINE, b"/usr/bin/ls") == STATE


@pytest.mark.parametrize(
    ("line", "mode", "size"),
    [
        (b"260601 -rwxr-xr-x 1 0 4 151344 Sep 20  2022 /bin/ls", 0o100755, 151344),
        (b" 77 drwxrwsrwt+ 9 0 4 4096 Nov  1 10:00 /x", 0o043777, 4096),
        (b"5 -rwSr--r-T. 1 0 4 1 Nov  1 10:00 /x", 0o105644, 1),
        (b"6 crw-rw-rw- 1 0 4 1, 3 Nov  1 10:00 /dev/null", 0o020666, 0),
    ],
)
def test_state_is_read_from_ls(line, mode, size):
    """Without stat, the mode is spelled out, and device and times stay unknown."""
    state = parse_state(line, b"")

    assert (state.mode, state.size_bytes) == (mode, size)
    assert (state.uid, state.gid, state.device, state.mtime_s) == (0, 4, -1, 0)


@pytest.mark.parametrize("line", [b"", b"81ed 0 0", LINE + b" 1", b"81ed " + b"9" * 99, b"x y z"])
def test_other_lines_are_no_state(line):
    """Short, long and foreign lines, and numbers of absurd size."""
    assert parse_state(line, b"/x") is None


def test_states_of_a_group_are_told_apart_by_its_first_line():
    """States in order, then real paths in order, then errors in order."""
    data = b"101\n%b\n%b\n/usr/bin/ls\n/b\nstat: x: Permission denied\n." % (LINE, LINE)

    first, second, third = parse_states(3, data)

    assert (first, second) == (STATE, Failed("EACCES"))
    assert third.real == "/b"


@pytest.mark.parametrize(
    "data",
    [
        b"11\n%b\n/x\n." % LINE,
        b"11\n%b\n%b\n/x\n/y\n/z\n." % (LINE, LINE),
        b"1\n%b\n/x\n." % LINE,
        b"11\n%b\nwhat\n/x\n/y\n." % LINE,
        b"",
    ],
)
def test_group_that_does_not_fit_is_not_guessed_at(data):
    """A line too few, too many or foreign: ask for each path alone."""
    assert parse_states(2, data) is None


def test_single_path_may_be_of_any_form():
    """Line feeds belong to the real path, the last one excepted."""
    (state,) = parse_states(1, b"1\n%b\n/tmp/a\n\nb\n\n." % LINE)

    assert state.real == "/tmp/a\n\nb\n"


def test_single_path_without_a_real_path_has_none():
    """A host without realpath cannot tell, and that is the empty text."""
    (state,) = parse_states(1, b"1\n%b\n." % LINE)

    assert state.real == ""
