"""Whole interviews with real shells."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from preflight.elf import read_bytes
from preflight.model import text
from preflight.model.question import (
    Absent,
    BytesContent,
    ElfContent,
    Failed,
    FileState,
    List,
    Listing,
    ReadBytes,
    ReadElf,
    Stat,
)

ODD_NAMES = [
    b"$(touch pwned);'\"",
    b"`touch pwned`",
    b"a\nb",
    b"ends\n\n",
    b"\n",
    b"tab\there",
    b"back\\slash\\0101",
    b"-rf",
    b"*",
    b"[a-z]?",
    b"sp ace ",
    b"~",
    b"%s%n",
    b"\xff\xfe",
    "é".encode(),
    b"\x1b[31m",
    b"{a,b}",
    b"!x",
    b"#x",
    b"&|<>",
]


def age(*paths) -> None:
    """Make the host's clock late enough for memos: ctime cannot be set back, time passes."""
    newest = max(os.stat(path).st_ctime for path in paths)
    time.sleep(max(0.0, newest + 3.1 - time.time()))


def test_every_shell_tells_the_same_as_python(interview, shell, tmp_path):
    """The state, the content and the names of a file are what Python sees."""
    (tmp_path / "lib").write_bytes(b"\x7fELF not really\n\n")
    (tmp_path / "link").symlink_to("lib")
    path = str(tmp_path / "link")

    _, _, answers = interview(shell).begin([Stat(path), ReadBytes(path), List(str(tmp_path))])

    found = os.stat(path)
    state = FileState(
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_dev,
        found.st_ino,
        found.st_size,
        int(found.st_mtime),
        int(found.st_ctime),
        str(tmp_path / "lib"),
    )
    data = b"\x7fELF not really\n\n"
    assert answers[Stat(path)] == state
    assert answers[ReadBytes(path)] == BytesContent(state, hashlib.sha256(data).hexdigest(), data)
    assert set(answers[List(str(tmp_path))].names) == {"lib", "link"}


def test_every_shell_tells_absent_from_failed(interview, shell, tmp_path):
    """ENOENT and ENOTDIR are absent, a loop and a long name are failures, with their errno."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    names = ["none", "file/x", "loop", "x" * 300, "file"]
    questions = [Stat(f"{tmp_path}/{name}") for name in names]

    _, _, answers = interview(shell).begin(questions)

    expected = [Absent("ENOENT"), Absent("ENOTDIR"), Failed("ELOOP"), Failed("ENAMETOOLONG")]
    assert expected == [answers[q] for q in questions[:4]]
    assert isinstance(answers[questions[4]], FileState)


@pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
def test_every_shell_takes_any_name(interview, shell, tmp_path, name):
    """A name full of shell syntax is a name: found, read, listed, and nothing is run."""
    there = os.fsencode(tmp_path) + b"/" + name
    os.mkdir(there)
    with open(there + b"/" + name, "wb") as file:
        file.write(b"content")
    folder, path = text.decode(there), text.decode(there + b"/" + name)
    missing = text.decode(there + b"/" + name + b"x")

    _, _, answers = interview(shell, cwd=tmp_path).begin(
        [Stat(path), ReadBytes(path), List(folder), Stat(missing), ReadElf(missing)]
    )

    assert path == answers[Stat(path)].real
    assert answers[ReadBytes(path)].data == b"content"
    assert Listing((text.decode(name),)) == answers[List(folder)]
    assert [Absent()] * 2 == [answers[Stat(missing)], answers[ReadElf(missing)]]
    assert [name] == os.listdir(os.fsencode(tmp_path))


def test_libraries_are_read_by_the_one_reader(interview):
    """The Elf of a host's library is the Elf of its bytes."""
    path = "/bin/sh"

    _, _, answers = interview().begin([ReadElf(path)])

    with open(path, "rb") as file:
        data = file.read()
    answer = answers[ReadElf(path)]
    assert isinstance(answer, ElfContent)
    assert (hashlib.sha256(data).hexdigest(), read_bytes(data)) == (answer.sha256, answer.elf)


def test_second_check_of_a_host_takes_one_round(interview, store, tmp_path):
    """Nothing changed: facts and answers in one round, and no file is read again."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode() * 100_000)
    questions = [ReadElf(str(tmp_path / name)) for name in ("a", "b")]
    age(tmp_path / "a", tmp_path / "b")
    first = interview()
    _, _, expected = first.begin(questions)
    again = interview()

    _, _, answers = again.begin(questions)

    assert expected == answers
    assert (first.rounds, again.rounds) == (2, 1)
    assert again._frames.received < 100_000


def test_another_host_of_the_same_image_sends_hashes_only(interview, tmp_path):
    """A content that the store knows costs its hash, in the first round, on any host."""
    (tmp_path / "lib").write_bytes(os.urandom(300_000))
    question = ReadElf(str(tmp_path / "lib"))
    _, _, expected = interview(key="one").begin([question])
    other = interview(key="two")

    _, _, answers = other.begin([question])

    assert expected == answers
    assert other.rounds == 1
    assert answers[question].elf is expected[question].elf
    assert other._frames.received < 100_000
