"""The files of a run: read once, and kept in step."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from preflight.transport.hostkeys import index as index_room
from preflight.transport.hostkeys.known_hosts import load
from tests.transport.hostkeys.material import key, line


def lines_of(path: Path, name: str = "web") -> list[int]:
    """Return the lines of the host in the file as it is now."""
    return [entry.line for entry in load((str(path),)).find(name)]


def test_a_file_is_read_again_when_it_changes(tmp_path):
    """A line that was changed during a run is seen."""
    path = tmp_path / "known"
    path.write_text(line("db", key(1)))
    assert lines_of(path) == []

    path.write_text(line("db,web", key(1)))

    assert lines_of(path) == [1]


def test_a_file_is_read_once(tmp_path):
    """Two hosts share the index of their file."""
    path = tmp_path / "known"
    path.write_text(line("web", key(1)))

    assert load((str(path),)).indexes[0] is load((str(path),)).indexes[0]


def test_only_what_was_appended_is_read(tmp_path, monkeypatch):
    """A file that grew by a line is not read anew; its lines count on."""
    path = tmp_path / "known"
    path.write_text("".join(line(f"db{n}", key(1)) + "\n" for n in range(1000)))
    before = load((str(path),)).indexes[0]
    read = []
    monkeypatch.setattr(index_room, "read_key", lambda *words: read.append(words) or key(2))

    with path.open("a") as file:
        file.write(line("web", key(2)) + "\n")

    assert lines_of(path) == [1001]
    assert load((str(path),)).indexes[0] is before
    assert len(read) == 1


def test_a_half_line_at_the_end_is_read_again(tmp_path):
    """A line that somebody was just writing is whole the next time."""
    path = tmp_path / "known"
    whole = line("web", key(1)) + "\n"
    path.write_text(line("db", key(2)) + "\n" + whole[:20])
    assert lines_of(path) == []

    with path.open("a") as file:
        file.write(whole[20:])

    assert lines_of(path) == [2]
    assert load((str(path),)).warnings == ()


def test_a_file_that_grew_and_changed_is_read_anew(tmp_path):
    """A key that was taken out is forgotten, also where more was added."""
    path = tmp_path / "known"
    path.write_text(line("web", key(1)) + "\n" + line("db", key(2)) + "\n")
    assert lines_of(path) == [1]

    with path.open("r+") as file:  # the same inode
        file.write("".join(line(f"db{n}", key(3)) + "\n" for n in range(5)))

    assert lines_of(path) == []


def test_a_file_that_is_gone_is_forgotten(tmp_path):
    """What a file said counts no longer than the file is there."""
    path = tmp_path / "known"
    path.write_text(line("web", key(1)))
    assert lines_of(path) == [1]

    path.unlink()

    assert lines_of(path) == []


def test_a_file_that_cannot_be_read_is_a_warning(tmp_path):
    """A directory in place of a file is told; a file that does not exist is just empty."""
    known = load((str(tmp_path), str(tmp_path / "absent")))

    assert known.warnings == (f"{tmp_path}: Is a directory",)


def test_many_bad_lines_are_counted(tmp_path):
    """A file that is something else altogether does not flood every host's warnings."""
    path = tmp_path / "known"
    path.write_text("nonsense\n" * 1000)

    warnings = load((str(path),)).warnings

    assert len(warnings) == 11
    assert warnings[-1] == f"{path}: 990 more lines that mean nothing"


def test_a_pipe_is_read_once():
    """A pipe, as of <(…) in a shell, gives its lines once, and they stay."""
    reading, writing = os.pipe()
    content = (line("web", key(1)) + "\n").encode()
    threading.Thread(target=lambda: (os.write(writing, content), os.close(writing))).start()
    path = Path(f"/dev/fd/{reading}")

    assert lines_of(path) == [1]
    assert lines_of(path) == [1]
    os.close(reading)


def test_none_is_no_file(tmp_path, monkeypatch):
    """UserKnownHostsFile none means no file, not one of that name."""
    monkeypatch.chdir(tmp_path)
    Path("none").write_text(line("web", key(1)))

    assert load(("none",)).paths == ()


def test_entries_come_in_the_order_of_the_files(tmp_path):
    """Several files are asked as one, the user's first."""
    for name, seed in (("user", 1), ("global", 2)):
        (tmp_path / name).write_text(line("web", key(seed)) + "\n")

    found = load((str(tmp_path / "user"), str(tmp_path / "global"))).find("web")

    assert [entry.key for entry in found] == [key(1), key(2)]
