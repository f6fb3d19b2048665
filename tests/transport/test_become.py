"""Commands as another user: with real sudo, over ssh and on this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.probe.interview import Interview
from preflight.probe.script import COMMAND
from preflight.probe.store import Store
from preflight.transport import Deadline, Options, Session, become, connect, in_one_run
from preflight.transport.credentials.secret import Secret, Secrets
from tests.transport.accounts import LOGIN_PASSWORD, Accounts
from tests.transport.asking import output, verdict, within

RIGHT = Secrets(become_password=Secret(LOGIN_PASSWORD))
WRONG = Secrets(become_password=Secret("canary-of-a-wrong-sudo-4kW"))


@pytest.fixture
def accounts(start_accounts) -> Accounts:
    """Return accounts with a key for each."""
    return start_accounts("UsePAM no")


@contextlib.contextmanager
def session(accounts: Accounts, user: str, **options: object) -> Iterator[Session]:
    """Yield a session of *user* that becomes app."""
    host = accounts.host(user, identity_file=accounts.key)
    how = Options(become=True, become_user="app", **options)
    with connect(host, how, Deadline.after(30)) as opened:
        yield opened


def says(opened: Session, line: str, *more: str) -> bytes:
    """Return what a shell line prints, with *more* lines as its input."""
    stream = opened.start(COMMAND)
    stream.send("\n".join([line, *more, ""]).encode())
    return output(stream)


def failure(accounts: Accounts, user: str, **options: object) -> TransportError:
    """Return why *user* cannot become app."""
    with session(accounts, user, **options) as opened, pytest.raises(TransportError) as caught:
        opened.start(COMMAND)
    assert verdict(caught.value) == ("auth-failed", "become-failed")
    assert "\n" not in caught.value.message
    return caught.value


def test_sudo_without_a_password(accounts):
    """What needs no password gets none, and input, output and the end are the command's own."""
    with session(accounts, "free", secrets=WRONG) as opened:
        stream = opened.start(COMMAND)
        stream.send(b"id -un; cat; exit 3\nnext\n")
        assert stream.read(4) == b"app\n"
        assert stream.read(2) == b"ne"
        stream.close()
        stream = opened.start(COMMAND)
        stream.send(b"echo err >&2; exit 3\n")
        assert output(stream) == b""
        assert stream.exit_status() == 3
        assert stream.stderr_text() == "err\n"


@pytest.mark.parametrize("user", ["asked", "seashell", "fishy"])
def test_sudo_with_a_password(accounts, user):
    """The password goes to sudo, whatever the login shell, and the input to the command."""
    with session(accounts, user, secrets=RIGHT) as opened:
        assert says(opened, "id -un; read l; echo $l", "next") == b"app\nnext\n"
        assert says(opened, "id -un") == b"app\n"


def test_sudo_by_the_openssh_transport(accounts):
    """The system's own ssh carries the password as well."""
    host = accounts.host("asked", identity_file=accounts.key, transport="openssh", become=True)
    options = Options(ssh_config="none", become_user="app", secrets=RIGHT)
    with connect(host, options, Deadline.after(30)) as opened:
        assert says(opened, "id -un; read l; echo $l", "next") == b"app\nnext\n"


@pytest.mark.parametrize("user", ["free", "seashell"])
def test_errors_do_not_get_into_the_answers(accounts, user):
    """What the command says on standard error stays apart from its output."""
    with session(accounts, user, secrets=RIGHT) as opened:
        assert says(opened, "echo err >&2; echo out") == b"out\n"


def test_a_whole_interview_as_another_user(accounts):
    """The facts are those that the other user sees."""
    deadline = Deadline.after(60)
    with (
        session(accounts, "asked", secrets=RIGHT) as opened,
        Interview(opened, Store(None), key="k", deadline=deadline) as interview,
    ):
        facts, _, _, _ = interview.begin()

    assert facts.user == "app"


def test_a_password_that_is_missing_is_asked_for(accounts):
    """Where sudo wants a password and has none, the option that gives it is named."""
    assert "-K was not given" in failure(accounts, "asked").message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "words"), [("asked", "Sorry, try again"), ("once", "1 incorrect password attempt")]
)
def test_a_wrong_password_is_tried_once(accounts, user, words):
    """The host's own words are shown, and the password is not."""
    error = failure(accounts, user, secrets=WRONG)

    assert words in error.message
    assert "canary" not in error.message


def test_a_host_that_nobody_verified_gets_no_password(accounts):
    """With --host-key-checking off anybody may be there, and sudo's password is not for anybody."""
    error = failure(accounts, "asked", secrets=RIGHT, host_keys="off")

    assert "nobody knows who the host is" in error.message


def test_who_may_not_become_anybody_is_told(accounts):
    """A right password that the rules refuse is no wrong password."""
    options = in_one_run(Options())
    for _ in range(6):
        error = failure(accounts, "stranger", secrets=RIGHT, run=options.run)

    assert "stranger is not in the sudoers file" in error.message


@pytest.mark.slow
def test_five_wrong_passwords_stop_the_run(accounts):
    """The sixth host does not get a password that five refused."""
    options = in_one_run(Options())
    for _ in range(5):
        failure(accounts, "once", secrets=WRONG, run=options.run)
    with (
        session(accounts, "once", secrets=WRONG, run=options.run) as opened,
        pytest.raises(TransportError) as caught,
    ):
        opened.start(COMMAND)

    assert verdict(caught.value) == ("not-run", "auth-stopped")
    assert "the sudo password of 'once'" in caught.value.message


def test_requiretty_is_named_with_its_remedy(accounts):
    """A rule that wants a terminal cannot be served, and says so."""
    message = failure(accounts, "tty", secrets=RIGHT).message

    assert "you must have a tty" in message
    assert "!requiretty" in message


def test_a_shell_that_runs_nothing_is_not_sudo(accounts):
    """Where sudo never came to a word, the login shell is at fault."""
    with session(accounts, "quiet") as opened, pytest.raises(TransportError) as caught:
        opened.start(COMMAND)

    assert verdict(caught.value) == ("error", "no-shell")
    assert "not available" in caught.value.message


def test_a_name_that_a_shell_could_read_is_refused(accounts):
    """The user's name becomes no shell code."""
    host = accounts.host("free", become=True, become_user="app'; id; '")
    with pytest.raises(TransportError) as caught:
        connect(host, Options(), Deadline.after(20))

    assert verdict(caught.value) == ("error", "become-failed")


def test_a_host_decides_for_itself(accounts):
    """`become: false` of a host beats -b, and its user the one of the command line."""
    plain = accounts.host("free", identity_file=accounts.key, become=False)
    other = accounts.host("free", identity_file=accounts.key, become=True, become_user="app")
    for host, user in ((plain, b"free\n"), (other, b"app\n")):
        with connect(host, Options(become=True), Deadline.after(30)) as opened:
            assert says(opened, "id -un") == user


def impostor(directory: Path, script: str) -> str:
    """Put a program called sudo into *directory*; return a PATH that finds it first."""
    path = directory / "sudo"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"{directory}:{os.environ['PATH']}"


def local_failure(secrets: Secrets = RIGHT) -> TransportError:
    """Return why nobody can be become on this machine."""
    host = Host(name="here", transport="local", become=True)
    with (
        connect(host, Options(secrets=secrets), Deadline.after(30)) as opened,
        pytest.raises(TransportError) as caught,
    ):
        opened.start(COMMAND)
    return caught.value


WANTS = 'case $1 in -n) echo "sudo: a password is required" >&2; exit 1;; esac'


@pytest.mark.parametrize(
    "prompt",
    [
        "printf '[sudo] password for root: ' >&2; head -n 1 >$LOOT",
        "printf '%s' \"$*\" >&2; head -n 1 >$LOOT",
        "printf 'Verification code: '; head -n 1 >$LOOT",
    ],
)
def test_another_prompt_gets_no_password(tmp_path, monkeypatch, prompt):
    """Who asks without our own prompt, or repeats the command line, gets nothing."""
    monkeypatch.setattr(become, "PROMPT_S", 0.3)
    monkeypatch.setenv("LOOT", str(tmp_path / "loot"))
    monkeypatch.setenv("PATH", impostor(tmp_path, f"{WANTS}\n{prompt}"))

    error = local_failure()

    assert verdict(error) == ("auth-failed", "become-failed")
    assert "does not ask for the password, but:" in error.message
    assert not (tmp_path / "loot").exists() or not (tmp_path / "loot").read_text()


def test_sudo_cannot_put_the_password_into_the_report(tmp_path, monkeypatch):
    """What asks as sudo does, and then repeats what it got, is not repeated."""
    script = f'{WANTS}\nprintf %s "$3" | sed \'s/%%/%/\'\nread word; echo "sudo: no $word" >&2'
    monkeypatch.setenv("PATH", impostor(tmp_path, script))

    assert local_failure().message == "cannot become 'root': sudo refuses: sudo: no [secret]"


def test_no_sudo_is_told(tmp_path, monkeypatch):
    """A machine without sudo is told by that."""
    (tmp_path / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "sudo is not installed there, perhaps" in local_failure().message


def test_a_sudo_that_floods_is_ended(tmp_path, monkeypatch):
    """Words without end are over at a limit."""
    monkeypatch.setenv("PATH", impostor(tmp_path, "exec cat /dev/zero"))
    with within(20):
        error = local_failure()

    assert verdict(error) == ("error", "output-limit")


def test_local_sudo(start_accounts):
    """The machine itself is asked as another user in the same way."""
    del start_accounts  # it says whether there is sudo
    host = Host(name="here", transport="local", become=True, become_user="nobody")
    with connect(host, Options(), Deadline.after(30)) as opened:
        assert says(opened, "id -un") == b"nobody\n"
