"""Where the command line gets passwords and passphrases from, and where it does not put them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.terminal import run_on_terminal
from tests.transport.accounts import LOGIN_PASSWORD, Accounts

PASSPHRASE = "canary-of-a-passphrase-3fQ"
WRONG = "canary-of-a-wrong-answer-8rN"
BY_PASSWORD = ("UsePAM no", "PasswordAuthentication yes", "KbdInteractiveAuthentication no")


@pytest.fixture
def accounts(start_accounts) -> Accounts:
    """Return accounts that take keys and passwords."""
    return start_accounts(*BY_PASSWORD)


@pytest.fixture
def write_fleet(accounts, tmp_path):
    """Return a function that writes the inventory of hosts of the accounts' sshd."""

    def write(*users: str, **more: object) -> Path:
        hosts = {
            f"host-{number}": {"address": "127.0.0.1", "port": accounts.port, "user": user} | more
            for number, user in enumerate(users, 1)
        }
        fleet = {"defaults": {"known_hosts": accounts.known_hosts}, "hosts": hosts}
        path = tmp_path / "fleet.yaml"
        path.write_text(yaml.safe_dump(fleet))
        return path

    return write


@pytest.fixture
def locked(accounts, tmp_path) -> str:
    """Return the path of a key that the accounts take, with a passphrase."""
    path = tmp_path / "id_locked"
    shutil.copy(accounts.key, path)
    command = ["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return str(path)


def check(program: object, fleet: object, *more: object) -> list[object]:
    """Return the arguments of a check as JSON."""
    return ["check", program, "-i", fleet, "--format", "json", *more]


def causes(out: str) -> list[str | None]:
    """Return why each host was not probed."""
    return [host["cause"] for host in json.loads(out)["hosts"]]


def test_a_password_is_asked_for_on_the_terminal(start, program, write_fleet):
    """-k asks once for all hosts, on the terminal, which does not show what is typed."""
    fleet = write_fleet("free", "asked", "tty")

    done = run_on_terminal(start, check(program(), fleet, "-k"), [LOGIN_PASSWORD])

    assert causes(done.out) == [None] * 3
    assert "password to log in with: " in done.screen
    assert LOGIN_PASSWORD not in done.screen + done.out + done.err


def test_the_password_of_sudo_is_asked_for_on_the_terminal(start, program, write_fleet, accounts):
    """-K asks for the password that sudo wants."""
    fleet = write_fleet("asked", "free", become_user="app")
    arguments = check(program(), fleet, "-K", "-b", "--key", accounts.key)

    done = run_on_terminal(start, arguments, [LOGIN_PASSWORD])

    assert causes(done.out) == [None, None]
    assert done.screen.count("password for sudo: ") == 1


def test_a_passphrase_is_asked_for_once(start, program, write_fleet, locked):
    """One key file is one prompt, however many hosts want it; a wrong answer may be mended."""
    fleet = write_fleet("free", "asked", "tty")

    done = run_on_terminal(
        start, check(program(), fleet, "--key", locked), [WRONG, WRONG, PASSPHRASE]
    )

    assert causes(done.out) == [None] * 3
    assert done.screen.count(f"passphrase of the key {locked}: ") == 3
    assert done.err.count("does not open the key") == 2


@pytest.mark.parametrize("answers", [[WRONG] * 3, [""]])
def test_a_key_that_stays_locked_is_of_no_use(start, program, write_fleet, locked, answers):
    """After three wrong answers, or none, the key is what it was without anybody there."""
    arguments = check(program(), write_fleet("free"), "--key", locked)

    done = run_on_terminal(start, arguments, answers)

    assert causes(done.out) == ["key-unreadable"]
    assert done.status == 3
    assert done.screen.count("passphrase of") == len(answers)


def test_nobody_is_asked_who_does_not_want_it(start, program, write_fleet, locked):
    """With --no-input a locked key is of no use, and nothing waits."""
    arguments = check(program(), write_fleet("free"), "--key", locked, "--no-input")

    done = run_on_terminal(start, arguments, [PASSPHRASE])

    assert causes(done.out) == ["key-unreadable"]
    assert "is encrypted, and no agent holds it" in done.out
    assert done.screen == ""


def test_nobody_is_asked_where_nobody_is(preflight, program, write_fleet, locked):
    """Without a terminal a locked key is of no use, and nothing waits."""
    arguments = check(program(), write_fleet("free"), "--key", locked)

    done = preflight(*arguments, start_new_session=True)

    assert causes(done.out) == ["key-unreadable"]


@pytest.mark.parametrize("option", ["-k", "-K"])
def test_ctrl_c_at_a_prompt_ends_the_run(start, program, write_fleet, option):
    """Who does not want to answer is out, with the status of Ctrl-C."""
    arguments = check(program(), write_fleet("free"), option, "-b")

    done = run_on_terminal(start, arguments, ["\x03"])

    assert done.status == 130
    assert done.out == ""


def test_a_password_comes_from_a_descriptor(preflight, program, write_fleet):
    """--password-fd reads the first line of an open file."""
    reading, writing = os.pipe()
    os.write(writing, f"{LOGIN_PASSWORD}\nmore\n".encode())
    os.close(writing)
    arguments = check(program(), write_fleet("free"), "--password-fd", reading)

    done = preflight(*arguments, pass_fds=[reading])
    os.close(reading)

    assert causes(done.out) == [None]


def test_passwords_come_from_commands(preflight, program, write_fleet, tmp_path):
    """Each command runs once, and the first line that it prints is the password."""
    command = f"echo run >>{tmp_path}/runs; printf '%s\\n' {LOGIN_PASSWORD} more"
    fleet = write_fleet("asked", "asked", "asked", become_user="app")
    by_command = ("--password-command", command, "--become-password-command", command)

    done = preflight(*check(program(), fleet, "-b", *by_command))

    assert causes(done.out) == [None] * 3
    assert (tmp_path / "runs").read_text() == "run\nrun\n"


def test_a_wrong_password_stops_the_run(preflight, program, write_fleet):
    """Five hosts refuse it, the others are not tried, and the report says so; keys go on."""
    fleet = write_fleet(*["free"] * 9)
    wrong = ("--password-command", f"echo {WRONG}")

    done = preflight(*check(program(), fleet, *wrong, "--format", "table=table"))

    assert sorted(causes(done.out)) == ["auth-stopped"] * 4 + ["password-refused"] * 5
    assert done.status == 3
    assert "mend the log-in to one of the hosts" in Path("table").read_text()


def test_a_proof_is_made_as_the_other_user(preflight, program, write_fleet, accounts):
    """With --prove the copy is traced by whom -b makes of us."""
    fleet = write_fleet("free", become=True, become_user="app")

    done = preflight(*check(program(), fleet, "--key", accounts.key, "--prove"))

    assert json.loads(done.out)["hosts"][0]["cause"] is None
    assert json.loads(done.out)["verdicts"][0]["proof"]["agrees"] is True


FAULTS = {
    "two sources": (
        ["-k", "--password-command", "x"],
        "-k, --password-fd and --password-command exclude each other",
    ),
    "nobody to ask": (["-k", "--no-input"], "-k asks on a terminal, and --no-input forbids it"),
    "no terminal": (["-K", "-b"], "-K asks on a terminal, and there is none"),
    "closed": (["--password-fd", "77"], "--password-fd 77: Bad file descriptor"),
    "one for both": (
        ["-b", "--password-fd", "7", "--become-password-fd", "7"],
        "one descriptor cannot hold two passwords",
    ),
    "failing": (
        ["--password-command", "echo secret; exit 3"],
        "--password-command: the command ended with status 3",
    ),
    "silent": (["--password-command", "true"], "--password-command: no password came"),
    "no text": (
        ["--password-command", "printf '\\377\\n'"],
        "--password-command: the password is not UTF-8",
    ),
    "for nothing": (
        ["--become-password-command", "echo secret"],
        "a sudo password is given, and no host becomes another user",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_password_that_does_not_come_is_said(preflight, program, name):
    """A source that gives no password is an error before any host is asked."""
    options, words = FAULTS[name]

    done = preflight(*check(program(), "web-1,", *options), start_new_session=True)

    assert done.status == 2
    assert f"preflight: error: {words}" in done.err
    assert "secret" not in done.err


def test_an_inventory_on_standard_input_is_not_the_password(preflight, program):
    """One stream cannot be both."""
    done = preflight(*check(program(), "-", "--password-fd", "0"), given="hosts: {a: }\n")

    assert done.status == 2
    assert "standard input cannot be inventory and password" in done.err


ENVIRONMENT = "canary-of-an-environment-5Vb"
CANARIES = (LOGIN_PASSWORD, WRONG, PASSPHRASE, ENVIRONMENT)
# Name → users of the hosts, further options, what is typed, and the exit status.
BY_KEY = ["--key", "LOCKED", "-b", "-K"]
RUNS = {
    "well": (["free", "asked"], BY_KEY, [LOGIN_PASSWORD, PASSPHRASE], 0),
    "by password": (["free", "asked"], ["-k"], [LOGIN_PASSWORD], 0),
    "wrong password": (["free", "asked"], ["-k"], [WRONG], 3),
    "wrong sudo": (["asked", "once"], BY_KEY, [WRONG, PASSPHRASE], 3),
    "wrong passphrase": (["free"], BY_KEY, [LOGIN_PASSWORD, WRONG, WRONG, WRONG], 3),
    "broken": (["asked"], BY_KEY, [LOGIN_PASSWORD, PASSPHRASE], 70),
}
FORMATS = ("table", "json", "jsonl", "names")
BREAK = """
import sys
from preflight.cli import run as command_line
import preflight.cli.run as module

def broken(hosts, wants_of, options, collect=module.collect):
    collect(hosts, wants_of, options)
    raise RuntimeError(repr(options))

module.collect = broken
sys.exit(command_line(sys.argv[1:]))
"""


def crash(*words: object, **settings: object) -> subprocess.Popen[str]:
    """Start a command that breaks when its hosts are done, and says all that it knows."""
    plain = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    script = [sys.executable, "-c", BREAK, *map(str, words)]
    return subprocess.Popen(script, stdin=subprocess.DEVNULL, **(plain | settings))


@pytest.fixture(params=["check", "probe"])
def command(request, program, tmp_path) -> list[object]:
    """Return a command that writes all that it can."""
    if request.param == "probe":
        return ["probe", "--for", program(), "--save", tmp_path / "facts.jsonl"]
    files = [f"{one}={tmp_path}/report.{one}" for one in FORMATS]
    formats = [word for file in files for word in ("--format", file)]
    return ["check", "-vvv", "--explain", program(), *formats]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_no_secret_is_anywhere(start, write_fleet, locked, tmp_path, command, name):  # noqa: PLR0913, PLR0917
    """Whatever happens, no stream, no terminal and no file of ours has a secret in it."""
    users, options, answers, status = RUNS[name]
    options = [locked if option == "LOCKED" else option for option in options]
    environment = os.environ | {
        "PREFLIGHT_TRACEBACK": "1",
        "AN_API_TOKEN": ENVIRONMENT,
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    fleet = write_fleet(*users, become_user="app")

    done = run_on_terminal(
        crash if status == 70 else start,
        [*command, "-i", fleet, *options],
        answers,
        env=environment,
    )

    assert done.status == status, done.err
    assert done.screen.count(": ") == len(answers)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path != Path(locked)]
    assert written
    for canary in CANARIES:
        assert canary not in done.out + done.err + done.screen
        assert [path for path in written if canary.encode() in path.read_bytes()] == []
