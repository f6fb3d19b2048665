"""Room on a disk."""

from __future__ import annotations

import pytest

from preflight.judge.requirements.disk import parse
from preflight.judge.requirements.kind import shown_size, size_bytes
from tests.judge.requirements.needs import need, outcome, said

HEAD = "/opt\nFilesystem     1024-blocks     Used Available Capacity Mounted on\n"
DF = f"{HEAD}/dev/vda 264212084 28486708 2097152 27% /srv/with blank\n\nexit 0"
BUSYBOX = (
    "/\nFilesystem           1024-blocks    Used Available Capacity Mounted on\noverlay 9 1 8 11% /"
)


def test_room_is_what_users_have():
    """The column "Available", in blocks of 1,024 bytes."""
    answer = said("disk", "/opt", text=DF)

    assert outcome(need("disk", "/opt", "2GiB"), answer) == "met"
    assert outcome(need("disk", "/opt", "2.1GiB"), answer) == (
        "error: 2 GiB are free at /opt, and 2.1GiB is needed"
    )


def test_what_df_does_not_tell_is_unknown():
    """A host without df, a directory that may not be searched, a mount that hangs."""
    for answer in (
        said("disk", "/opt", failed="EACCES"),
        said("disk", "/opt", text=f"{HEAD}\nexit 137"),
        said("disk", "/opt", text="/opt\ntimeout: failed to run command 'df'\n\nexit 127"),
    ):
        assert outcome(need("disk", "/opt", "1MiB"), answer).startswith("unknown: ")


def test_every_df_is_read():
    """Names with blanks, busybox, a file system that root alone has filled up."""
    assert parse(DF) == (2 << 30, "/srv/with blank")
    assert parse(BUSYBOX) == (8 << 10, "/")
    assert parse(f"{HEAD}/dev/sda 10 11 -1 100% /\n") == (0, "/")


@pytest.mark.parametrize(
    ("text", "count"),
    [("2GiB", 2 << 30), ("2G", 2 << 30), ("2GB", 2 * 10**9), ("1.5 MiB", 3 << 19), ("7B", 7)],
)
def test_sizes_are_of_1024_unless_they_are_si(text, count):
    """GB alone is of 1,000."""
    assert size_bytes(text) == count


def test_sizes_are_shown_rounded_down():
    """What is too little never looks like enough."""
    assert shown_size((2 << 30) - 1) == "1.9 GiB"
    assert shown_size(1 << 20) == "1 MiB"
    assert shown_size(100) == "100 B"
