"""New hosts, and the one line that is recorded of each."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from preflight.transport import Deadline
from preflight.transport.hostkeys import accept, index
from preflight.transport.hostkeys.identity import Identity
from preflight.transport.hostkeys.key import read_key
from preflight.transport.hostkeys.offer import Offer
from tests.transport.asking import within
from tests.transport.hostkeys import material
from tests.transport.hostkeys.material import key, line
from tests.transport.hostkeys.servers import meet, server, settings, ssh, verdict

NEW = {"host_keys": "accept-new"}


@pytest.fixture
def served(keys):
    """Yield a server with one key."""
    with server(keys, f"HostKey {keys}/host_ed25519") as made:
        yield made


BEFORE = {
    "no file": None,
    "an empty file": "",
    "another host": line("db", key(1)) + "\n",
    "the plain name with another key": line("127.0.0.1", key(1)) + "\n",
    "the right key": "{name} {public}",
    "the right key under the plain name": "127.0.0.1 {public}",
    "a changed key": line("{name}", key(1)) + "\n",
    "another type": "{name} {rsa}",
    "a revoked key": "@revoked {name} {public}",
    "bad lines": "nonsense\n# a comment\n",
}


@pytest.mark.parametrize("what", BEFORE)
def test_the_file_is_left_as_ssh_leaves_it(served, keys, tmp_path, what):
    """Whatever stood in the file, accept-new decides and writes as ssh does."""
    public, rsa = ((keys / f"host_{kind}.pub").read_text() for kind in ("ed25519", "rsa"))
    for name in ("ours", "theirs"):
        if BEFORE[what] is not None:
            text = BEFORE[what].format(name=served.name, public=public, rsa=rsa)
            (tmp_path / name).write_text(text)

    state = verdict(settings(served, tmp_path / "ours", **NEW))
    passed = ssh(served, tmp_path / "theirs", keys / "id_good", "StrictHostKeyChecking=accept-new")

    assert (state in ("verified", "accepted-new")) == passed
    assert (tmp_path / "ours").read_text() == (tmp_path / "theirs").read_text()


def test_a_hashed_name_is_recorded_where_the_configuration_says(served, tmp_path):
    """With HashKnownHosts the line hides the name, and ssh-keygen finds it."""
    who = settings(served, tmp_path / "known", hash_known_hosts=True, **NEW)

    assert verdict(who) == "accepted-new"
    assert verdict(who) == "verified"

    assert (tmp_path / "known").read_text().startswith("|1|")
    find = ["ssh-keygen", "-F", served.name, "-f", tmp_path / "known"]
    assert b"found: line 1" in subprocess.run(find, capture_output=True, check=True).stdout


def test_the_alias_is_recorded(served, tmp_path):
    """With HostKeyAlias the line names the alias, without a port."""
    meet(settings(served, tmp_path / "known", host_key_alias="Fleet", **NEW))

    assert (tmp_path / "known").read_text().startswith("fleet ssh-ed25519 ")


def test_a_file_and_its_directory_are_made(served, tmp_path):
    """~/.ssh and the file are made where they are missing, for the owner alone."""
    path = tmp_path / ".ssh/known_hosts"  # tmp_path is the home directory

    assert verdict(settings(served, path, **NEW)) == "accepted-new"

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_last_line_without_an_end_is_ended(served, tmp_path):
    """The new line does not become the end of the last one."""
    (tmp_path / "known").write_text(line("db", key(1)))

    meet(settings(served, tmp_path / "known", **NEW))

    assert (tmp_path / "known").read_text().startswith(line("db", key(1)) + "\n[127.0.0.1]:")


@pytest.mark.parametrize("path", ["/dev/full", "absent/known_hosts", "."])
def test_a_file_that_cannot_be_written_is_a_warning(served, tmp_path, monkeypatch, path):
    """Where the line cannot be written, the host goes on, as for ssh, and it is said."""
    monkeypatch.chdir(tmp_path)

    identity = meet(settings(served, path, **NEW))

    assert identity.state == "accepted-new"
    assert any("new host keys cannot be recorded" in one for one in identity.warnings)


def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    """What was written of a line that did not fit is taken back."""
    path = tmp_path / "known"
    path.write_text("db x\n")
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole(file, data[:5]))

    with (
        pytest.raises(OSError, match="No space left"),
        accept.locked(str(path), Deadline.after(5)) as file,
    ):
        accept.append(file, b"web ssh-ed25519 AAAA\n")

    assert path.read_text() == "db x\n"


def test_the_wait_for_the_lock_has_an_end(tmp_path):
    """A process that keeps the file locked holds a host up no longer than its time lasts."""
    path = tmp_path / "known"
    with path.open("a") as file, within(5):
        fcntl.flock(file, fcntl.LOCK_EX)
        identity = accepting(path, Offer(key(1)), deadline_s=0.2)

    assert identity.warnings == (
        f"{path}: new host keys cannot be recorded: another process keeps it locked",
    )


def test_a_file_that_was_put_in_place_meanwhile_is_written(tmp_path):
    """Where ssh-keygen -R replaces the file during the wait, the line goes into the new one."""
    path = tmp_path / "known"
    path.write_text("old\n")
    waiting = threading.Event()

    def record() -> None:
        waiting.set()
        with accept.locked(str(path), Deadline.after(10)) as file:
            accept.append(file, b"web\n")

    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        thread = threading.Thread(target=record)
        thread.start()
        waiting.wait()
        (tmp_path / "new").write_text("new\n")
        (tmp_path / "new").rename(path)
    thread.join()

    assert path.read_text() == "new\nweb\n"


def accepting(path: Path, offered: Offer, deadline_s: float = 20.0, **changes: object) -> Identity:
    """Return who a new host is that shows *offered*."""
    identity = Identity(material.settings(22, path, **(NEW | changes)), Deadline.after(deadline_s))
    identity.verify(offered)
    return identity


def test_what_another_process_recorded_meanwhile_counts(tmp_path):
    """Of two that meet a host at a time, the second verifies what the first has recorded."""
    path = tmp_path / "known"
    late = [Identity(material.settings(22, path, **NEW), Deadline.after(20)) for _ in range(2)]
    accepting(path, Offer(key(1)))

    late[0].verify(Offer(key(1)))
    with pytest.raises(Exception, match="is not the one of") as caught:
        late[1].verify(Offer(key(2)))

    assert late[0].state == "verified"
    assert caught.value.cause == "host-key-changed"
    assert path.read_text() == line("web", key(1)) + "\n"


def test_a_key_that_changes_within_a_connection_is_refused(tmp_path):
    """A second key exchange has to show the same host."""
    identity = accepting(tmp_path / "known", Offer(key(1)))
    identity.verify(Offer(key(1)))

    with pytest.raises(Exception, match="the host has the ssh-ed25519 key") as caught:
        identity.verify(Offer(key(2)))

    assert caught.value.cause == "host-key-changed"


def test_threads_record_each_host_once(tmp_path):
    """Eight threads that meet forty hosts write forty whole lines."""
    path = tmp_path / "known"
    hosts = [f"web-{n % 40}" for n in range(160)]
    with ThreadPoolExecutor(8) as pool:
        states = list(
            pool.map(lambda name: accepting(path, Offer(key(1)), address=name).state, hosts)
        )

    assert states.count("accepted-new") == 40
    assert sorted(path.read_text().splitlines()) == sorted(line(n, key(1)) for n in set(hosts))


PROCESS = """
import sys
from pathlib import Path
from tests.transport.hostkeys.material import key
from tests.transport.hostkeys.test_accept import accepting
from preflight.transport.hostkeys.offer import Offer

path, mine = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(50):
    shared = (number + mine) % 50
    accepting(path, Offer(key(shared)), address=f"web-{shared}")
    accepting(path, Offer(key(7)), address=f"own-{mine}-{number}")
"""


@pytest.mark.slow
def test_processes_record_each_host_once(tmp_path):
    """Eight processes that meet fifty hosts of their own and fifty of all lose no line."""
    path = tmp_path / "known"
    command = [sys.executable, "-c", PROCESS, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([*command, str(n)], **pipes) for n in range(8)]
    for one in processes:
        assert one.stdout.readline() == "ready\n"
    for one in processes:
        one.stdin.write("\n")
        one.stdin.flush()
    for one in processes:
        one.communicate()

    assert [one.returncode for one in processes] == [0] * 8
    expected = [line(f"web-{n}", key(n)) for n in range(50)]
    expected += [line(f"own-{p}-{n}", key(7)) for p in range(8) for n in range(50)]
    assert sorted(path.read_text().splitlines()) == sorted(expected)


@pytest.mark.parametrize("hashed", [False, True])
def test_many_new_hosts_cost_the_same_each(tmp_path, hashed, monkeypatch):
    """The index learns a new line without reading the others, hashed or not."""
    path = tmp_path / "known"
    path.write_text("")
    read = []

    def count(*words):
        read.append(words)
        return read_key(*words)

    monkeypatch.setattr(index, "read_key", count)

    for number in range(200):
        accepting(path, Offer(key(1)), address=f"web-{number}", hash_known_hosts=hashed)

    assert len(read) == 200
