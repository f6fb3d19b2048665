"""What one host's files were when last seen."""

from __future__ import annotations

import msgspec
import pytest

from preflight.model.question import FileState
from preflight.probe.memo import Memo

STATE = FileState(0o100755, 0, 0, 65024, 9, 100, 50, 50, "/x")


@pytest.mark.parametrize("field", ["device", "inode", "size_bytes", "mtime_s", "ctime_s"])
def test_any_change_of_state_is_another_content(field):
    """Each of the five numbers counts."""
    memo = Memo()
    memo.note("/x", STATE, "d", 100)

    changed = msgspec.structs.replace(STATE, **{field: 51})

    assert memo.get(STATE) == "d"
    assert memo.get(changed) is None


@pytest.mark.parametrize(("clock_s", "kept"), [(53, True), (52, True), (51, False), (None, False)])
def test_file_that_just_changed_makes_no_memo(clock_s, kept):
    """Within two seconds a file may change again and look the same."""
    memo = Memo()

    memo.note("/x", STATE, "d", clock_s)

    assert (memo.get(STATE) == "d", memo.changed) == (kept, kept)


def test_host_without_stat_makes_no_memo():
    """Where the device is unknown, the inode says nothing."""
    memo = Memo()

    memo.note("/x", msgspec.structs.replace(STATE, device=-1), "d", 100)

    assert not memo.changed


def test_known_note_is_no_change():
    """A second check of an unchanged host leaves the memo as it is."""
    memo = Memo()
    memo.note("/x", STATE, "d", 100)
    memo.changed = False

    memo.note("/x", STATE, "d", 200)

    assert not memo.changed
