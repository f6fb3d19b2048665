"""Whole interviews with real shells."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from preflight.elf import read_bytes
from preflight.errors import TransportError
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
from preflight.probe import knowledge, script
from preflight.probe.knowledge import Limits
from preflight.probe.script import COMMAND, bootstrap
from preflight.probe.store import Store

LIBC = Path("/bin/sh").read_bytes()
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


def late(data: bytes) -> bytes:
    """Put the host's clock far enough ahead for memos: what just changed makes none."""
    return data.replace(b"date +%s", b"echo 99999999999")


def test_preload_that_is_gone_spoils_no_answer(interview, tmp_path):
    """A file is read though the loader complains before each program's own lines."""
    (tmp_path / "lib").write_bytes(b"\x7fELF not really")
    path, gone = str(tmp_path / "lib"), str(tmp_path / "gone")
    asked = [ReadBytes(path), Stat(path), Stat(gone), Stat(f"{path}/x")]
    env = {**os.environ, "LD_PRELOAD": "/nowhere.so /none.so"}

    said = interview(env=env).begin(asked)

    assert said.facts.ldd_family == "glibc"
    assert isinstance(said.answers[ReadBytes(path)], BytesContent)
    assert said.answers[Stat(path)].real == path
    assert said.answers[Stat(gone)] == Absent("ENOENT")
    assert said.answers[Stat(f"{path}/x")] == Absent("ENOTDIR")


@pytest.mark.parametrize(
    "exported",
    [
        {f"BASH_FUNC_{name}%%": "() { echo HP-UX; }" for name in ("cat", "head", "stat", "uname")},
        {"SHELLOPTS": "errexit:nounset:xtrace", "BASH_XTRACEFD": "1"},
        {"TMOUT": "1"},
    ],
    ids=["functions", "settings", "limit"],
)
def test_nothing_that_the_login_shell_exports_comes_in_between(interview, tmp_path, exported):
    """Where /bin/sh is bash, functions and settings of ~/.bashrc change no fact and no answer."""
    (tmp_path / "file").write_text("content")
    asked = ReadBytes(str(tmp_path / "file"))
    talk = interview(["bash"], env={"PATH": os.environ["PATH"], **exported})

    said = talk.begin([Stat("/")])
    if "TMOUT" in exported:
        time.sleep(1.1)
    answer = talk.ask([asked])[asked]

    assert ("Linux", "glibc") == (said.facts.system, said.facts.ldd_family)
    assert said.facts.mounts
    assert isinstance(answer, BytesContent), answer
    assert answer.data == b"content"


def test_every_shell_tells_the_same_as_python(interview, shell, tmp_path):
    """The state, the content and the names of a file are what Python sees."""
    (tmp_path / "lib").write_bytes(b"\x7fELF not really\n\n")
    (tmp_path / "link").symlink_to("lib")
    path = str(tmp_path / "link")

    answers = interview(shell).begin([Stat(path), ReadBytes(path), List(str(tmp_path))]).answers

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

    answers = interview(shell).begin(questions).answers

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

    _, _, answers, _ = interview(shell, cwd=tmp_path).begin(
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

    answers = interview().begin([ReadElf(path)]).answers

    with open(path, "rb") as file:
        data = file.read()
    answer = answers[ReadElf(path)]
    assert isinstance(answer, ElfContent)
    assert (hashlib.sha256(data).hexdigest(), read_bytes(data)) == (answer.sha256, answer.elf)


def test_second_check_of_a_host_takes_one_round(interview, tmp_path):
    """Nothing changed: facts and answers in one round, and no file is read again."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode() * 100_000)
    questions = [ReadElf(str(tmp_path / name)) for name in ("a", "b")]
    first = interview(edit=late)
    expected = first.begin(questions).answers
    first.close()
    again = interview(edit=late)

    answers = again.begin(questions).answers

    assert expected == answers
    assert (first.rounds, again.rounds) == (2, 1)
    assert again._frames.received < 100_000


def test_changed_file_is_read_again(interview, tmp_path):
    """Another content under the same path is hashed, and transferred, anew."""
    path = tmp_path / "lib"
    path.write_bytes(b"one")
    first = interview(edit=late)
    first.begin([ReadBytes(str(path))])
    first.close()
    path.write_bytes(b"another")
    again = interview(edit=late)

    answers = again.begin([ReadBytes(str(path))]).answers

    assert answers[ReadBytes(str(path))].data == b"another"
    assert again.rounds == 3


def test_another_host_of_the_same_image_sends_hashes_only(interview, tmp_path):
    """A content that the store knows costs its hash, in the first round, on any host."""
    (tmp_path / "lib").write_bytes(os.urandom(300_000))
    question = ReadElf(str(tmp_path / "lib"))
    expected = interview(key="one").begin([question]).answers
    other = interview(key="two")

    answers = other.begin([question]).answers

    assert expected == answers
    assert other.rounds == 1
    assert answers[question].elf is expected[question].elf
    assert other._frames.received < 100_000


def test_later_questions_cost_rounds_only_for_what_is_new(interview, tmp_path):
    """What was answered before is answered again without asking."""
    (tmp_path / "a").write_bytes(b"a")
    first, second = Stat(str(tmp_path)), ReadBytes(str(tmp_path / "a"))
    conversation = interview()
    known = conversation.begin([first]).answers

    answers = conversation.ask([first, second])

    assert answers[first] is known[first]
    assert conversation.rounds == 3
    assert conversation.ask([first, second]) == answers
    assert conversation.rounds == 3


def test_what_is_no_file_is_not_read(interview, tmp_path):
    """A directory, a FIFO and a device are failures; nothing blocks on them."""
    os.mkfifo(tmp_path / "fifo")
    paths = [str(tmp_path), str(tmp_path / "fifo"), "/dev/null"]

    answers = interview().begin([ReadElf(path) for path in paths]).answers

    expected = ["EISDIR", "is a FIFO", "is a character device"]
    assert [answers[ReadElf(path)].errno for path in paths] == expected


def test_file_is_no_directory(interview):
    """A list of what is no directory fails, of what is not there is absent."""
    questions = [List("/bin/sh"), List("/none"), List("/bin/sh/x")]

    answers = interview().begin(questions).answers

    assert [answers[q] for q in questions] == [
        Failed("ENOTDIR"),
        Absent("ENOENT"),
        Absent("ENOTDIR"),
    ]


def test_relative_path_is_refused(interview):
    """A path that depends on where the script runs is not asked for."""
    answers = interview().begin([Stat("etc/passwd"), ReadElf("")]).answers

    assert set(answers.values()) == {Failed("EINVAL")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_unreadable_is_told_from_absent(interview, shell):
    """Without permission: EACCES for the content, the names and what lies behind."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name in ("file", "dir/x"):
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(b"secret")
            os.chmod(path, 0)
        os.chmod(f"{folder}/dir", 0)
        questions = [
            ReadBytes(f"{folder}/file"),
            List(f"{folder}/dir"),
            Stat(f"{folder}/dir/x"),
            ReadElf(f"{folder}/dir/none"),
        ]

        facts, _, answers, _ = interview(shell, user=65534, group=65534).begin(questions)

    assert facts.uid == 65534
    assert [answers[q] for q in questions] == [Failed("EACCES")] * 4


@pytest.mark.parametrize("tools", ["coreutils", "busybox"])
def test_host_with_few_tools_answers_too(interview, tmp_path, tools):
    """Without stat, realpath and sha256sum: ls, readlink and a transfer take their place."""
    names = "ls cat wc head date uname id printf yes dd sleep sh readlink"
    (tmp_path / "bin").mkdir()
    for name in names.split():
        target = shutil.which("busybox" if tools == "busybox" else name)
        (tmp_path / "bin" / name).symlink_to(target)
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    path, none = str(tmp_path / "link"), str(tmp_path / "none")

    conversation = interview(edit=lambda data: with_path(data, tmp_path / "bin"))
    answers = conversation.begin([ReadBytes(path), Stat(none), Stat("/")]).answers

    answer = answers[ReadBytes(path)]
    assert (answer.data, answer.state.size_bytes, answer.state.device) == (b"content", 7, -1)
    assert answer.state.mode == os.stat(path).st_mode
    assert answer.state.real == str(tmp_path / "file")
    assert answer.sha256 == hashlib.sha256(b"content").hexdigest()
    assert answers[Stat(none)] == Absent()
    assert answers[Stat("/")].kind == "directory"


def with_path(data: bytes, folder) -> bytes:
    return re.sub(rb"^PATH=.*$", b"PATH=%b" % os.fsencode(folder), data, flags=re.MULTILINE)


def test_host_that_lies_about_hashes_harms_nobody_else(interview, store, tmp_path):
    """Whatever its sha256sum says, a content is kept under the hash that its bytes have here."""
    good, evil = b"what others have", b"what the liar has"
    claimed = hashlib.sha256(good).hexdigest()
    (tmp_path / "bin").mkdir()
    liar = tmp_path / "bin" / "sha256sum"
    liar.write_text(f'#!/bin/sh\nfor path; do echo "{claimed}  $path"; done\n')
    liar.chmod(0o755)
    lying, honest = tmp_path / "lying", tmp_path / "honest"
    lying.write_bytes(evil)
    honest.write_bytes(good)
    path = os.fsdecode(tmp_path / "bin") + ":/usr/bin:/bin"
    caught = interview(key="liar", edit=lambda data: with_path(data, path))

    lies = caught.begin([ReadBytes(str(lying))]).answers
    known = store.get_bytes(claimed)
    truth = interview(key="other").begin([ReadBytes(str(honest))]).answers

    assert Failed("changed while it was looked at") == lies[ReadBytes(str(lying))]
    assert known is None
    assert evil == store.get_bytes(hashlib.sha256(evil).hexdigest())
    assert (good, claimed) == (
        truth[ReadBytes(str(honest))].data,
        truth[ReadBytes(str(honest))].sha256,
    )


def test_host_remembers_its_kind(interview):
    """What kind of host it was is known before it is asked, from the second time on."""
    first = interview()
    first.begin()
    first.note_kind("debian 12")
    first.close()

    assert ("", "debian 12", "") == (
        interview(used=Store()).kind,
        interview().kind,
        interview(key="other").kind,
    )


def test_file_that_changes_while_it_is_read_is_a_failure(interview, tmp_path):
    """A file that never stands still is not guessed at, and the conversation goes on."""
    path = tmp_path / "log"
    path.write_bytes(b"x" * 100)
    grow = b'cat() { command cat "$@"; printf y >>%b; }\n' % os.fsencode(path)
    conversation = interview(edit=lambda data: data.replace(b"set -f\n", b"set -f\n" + grow, 1))

    answers = conversation.begin([ReadBytes(str(path)), Stat("/")]).answers

    assert answers[ReadBytes(str(path))] == Failed("changed while it was looked at")
    assert answers[Stat("/")].kind == "directory"


def test_file_that_shrinks_while_it_is_read_does_not_break_the_framing(interview, tmp_path):
    """What is missing is filled up, noticed, and asked for again."""
    path = tmp_path / "log"
    path.write_bytes(b"x" * 1_000_000)
    cut = b'cat() { truncate -s -20000 %b; command cat "$@"; }\n' % os.fsencode(path)
    conversation = interview(edit=lambda data: data.replace(b"set -f\n", b"set -f\n" + cut, 1))

    answers = conversation.begin([ReadBytes(str(path)), Stat("/")]).answers

    assert answers[ReadBytes(str(path))] == Failed("changed while it was looked at")
    assert answers[Stat("/")].kind == "directory"


def test_huge_file_is_read_in_ranges(interview, tmp_path, monkeypatch):
    """What is too large to transfer is the same Elf, and is known again by its state."""
    monkeypatch.setattr(knowledge, "WHOLE_BYTES", 100_000)
    path = tmp_path / "lib"
    path.write_bytes(LIBC + bytes(3_000_000))
    first, again, other = (interview(key=key, edit=late) for key in ("one", "one", "other"))
    question = ReadElf(str(path))

    answers = first.begin([question]).answers
    known = again.begin([question]).answers
    other.begin([question])

    assert answers[question].elf == read_bytes(path.read_bytes())
    assert answers[question].sha256 == ""
    assert known == answers
    assert again.rounds == 1
    assert other.rounds == first.rounds == 2


def test_limits_end_the_asking_not_the_answers(interview, tmp_path):
    """Past a limit questions stay open, and `exhausted` names it."""
    for n in range(4):
        (tmp_path / str(n)).write_bytes(bytes([n]) * 400_000)
    questions = [ReadBytes(str(tmp_path / str(n))) for n in range(4)]

    by_objects = interview(limits=Limits(objects=2))
    by_bytes = interview(limits=Limits(received_bytes=1_000_000), used=Store())
    by_rounds = interview(limits=Limits(rounds=1), used=Store())
    found = [len(one.begin(questions)[2]) for one in (by_objects, by_bytes, by_rounds)]

    assert found == [2, 2, 0]
    assert by_objects.exhausted == "2 files were read"
    assert by_bytes.exhausted == "0 MiB were read"
    assert by_rounds.exhausted == "1 rounds were made"


def test_two_hosts_at_once_transfer_a_content_once(interview, tmp_path):
    """Who comes second waits for the first, and has its answer from the store."""
    (tmp_path / "lib").write_bytes(os.urandom(3_000_000))
    question = ReadElf(str(tmp_path / "lib"))
    hosts = [interview(key=str(n)) for n in range(4)]
    threads = [threading.Thread(target=host.begin, args=([question],)) for host in hosts]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sum(host._frames.received for host in hosts) < 4_000_000
    assert not any(thread.is_alive() for thread in threads)


def test_claims_end_with_a_lost_host(interview, store, tmp_path):
    """A host that dies in the middle of a transfer does not hold up the others."""
    (tmp_path / "lib").write_bytes(os.urandom(100_000))
    question = ReadBytes(str(tmp_path / "lib"))
    dies = interview(
        edit=lambda data: data.replace(b"content() {", b"content() { exit;"), key="dies"
    )
    with pytest.raises(TransportError):
        dies.begin([question])

    answers = interview().begin([question]).answers

    assert isinstance(answers[question], BytesContent)
    assert not store._flights


def test_nothing_is_left_on_the_host(shell, tmp_path):
    """No file in the working directory, HOME or TMPDIR; the script ends with its input."""
    environment = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}
    argv = [*shell, "-c", COMMAND.replace("/bin/sh", shlex.join(shell))]
    requests = "F 0\nS 1 /etc/passwd\nH 2 /etc/passwd\nC 3 /etc/passwd 999999\nL 4 /etc\n.\n"

    done = subprocess.run(
        argv,
        input=f"{bootstrap()}00ff\n{requests * 20}".encode(),
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=environment,
        timeout=20,
    )

    assert list(tmp_path.iterdir()) == []
    assert done.stdout.endswith(b"00ff end\n")


@pytest.mark.parametrize("login", ["tcsh", "fish", "zsh", "bash", "mksh"])
def test_any_login_shell_can_start_the_script(login):
    """The one line that SSH is given means the same to every shell."""
    if shutil.which(login) is None:
        pytest.skip(f"{login} is not installed")

    done = subprocess.run(
        [login, "-c", COMMAND],
        input=f"{bootstrap()}00ff\n.\n".encode(),
        capture_output=True,
        check=False,
    )

    assert done.stdout == b"\nhello 00ff\n00ff end\n"


def test_script_is_clean():
    """Shellcheck finds nothing to say about the script."""
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    path = Path(script.__file__).with_name("script.sh")

    done = subprocess.run(["shellcheck", "-s", "sh", path], capture_output=True, check=False)

    assert (done.stdout, done.returncode) == (b"", 0)
