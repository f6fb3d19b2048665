"""Passwords, several factors, and what a host may ask for: with a real sshd, PAM and servers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import paramiko
import pytest

from preflight.model.host import Host
from preflight.transport import Deadline, Options, connect, in_one_run
from preflight.transport.credentials.secret import Secret, Secrets
from tests.transport.accounts import LOGIN_PASSWORD
from tests.transport.asking import failure, run, verdict
from tests.transport.conftest import host_of
from tests.transport.scripted import Rules, host_at, speaking_ssh

RIGHT = Secrets(password=Secret(LOGIN_PASSWORD))
WRONG = Secrets(password=Secret("canary-of-a-wrong-login-9tX"))
BY_PASSWORD = ("UsePAM no", "PasswordAuthentication yes", "KbdInteractiveAuthentication no")
BY_PAM = ("UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes")
BY_BOTH = ("UsePAM yes", "PasswordAuthentication yes", "KbdInteractiveAuthentication yes")


@pytest.mark.parametrize("settings", [BY_PASSWORD, BY_PAM, BY_BOTH])
def test_a_password_logs_in(start_accounts, settings):
    """The password goes to `password` as to PAM's prompt, whichever the host has."""
    host = start_accounts(*settings).host("free", identity_file=None)

    assert run(host, "id -un", secrets=RIGHT) == b"free\n"


@pytest.mark.parametrize("settings", [BY_PASSWORD, BY_PAM, BY_BOTH])
def test_a_wrong_password_is_tried_once(start_accounts, settings):
    """A refused password has a cause of its own, and the host has seen it once."""
    accounts = start_accounts(*settings)
    before = accounts.log.count("for free from")

    error = failure(accounts.host("free", identity_file=None), secrets=WRONG)

    assert verdict(error) == ("auth-failed", "password-refused")
    assert "the password was refused" in error.message
    assert accounts.log.count("for free from") - before == 1


def test_without_a_password_the_host_is_told_to_want_one(start_accounts):
    """A host that takes passwords only says so, and the hint says how to give one."""
    accounts = start_accounts(*BY_PASSWORD, "PubkeyAuthentication no")

    error = failure(accounts.host("free", identity_file=accounts.key))

    assert verdict(error) == ("auth-failed", "no-credential")
    assert "it allows password" in error.message
    assert error.hint == "-k asks for a password"


def test_a_key_spares_the_password(start_accounts):
    """Where a key is enough, the password stays at home."""
    accounts = start_accounts(*BY_PASSWORD)

    assert run(accounts.host("free", identity_file=accounts.key), "id -un", secrets=WRONG)


def test_a_password_stands_in_for_a_key_that_is_locked(start_accounts, keys):
    """A key file that cannot be opened is no reason not to use the password."""
    host = start_accounts(*BY_PASSWORD).host("free", identity_file=str(keys / "id_locked"))

    assert run(host, "id -un", secrets=RIGHT) == b"free\n"
    assert verdict(failure(host, secrets=WRONG)) == ("auth-failed", "password-refused")


FACTORS = ["publickey,password", "password,publickey", "publickey,keyboard-interactive"]


@pytest.mark.parametrize("factors", FACTORS)
def test_two_factors_are_given_in_the_order_of_the_host(start_accounts, factors):
    """A host that wants a key and a password, either first, gets both."""
    accounts = start_accounts(*BY_BOTH, f"AuthenticationMethods {factors}")
    host = accounts.host("free", identity_file=accounts.key)

    assert run(host, "id -un", secrets=RIGHT) == b"free\n"


@pytest.mark.parametrize("factors", FACTORS)
def test_one_of_two_factors_is_told(start_accounts, factors):
    """What was accepted is named where the other factor is missing or wrong."""
    accounts = start_accounts(*BY_BOTH, f"AuthenticationMethods {factors}")

    wrong = failure(accounts.host("free", identity_file=accounts.key), secrets=WRONG)
    assert verdict(wrong) == ("auth-failed", "password-refused")
    if factors.startswith("publickey"):
        missing = failure(accounts.host("free", identity_file=accounts.key))
        assert "accepted, but not enough" in missing.message
    else:
        missing = failure(accounts.host("free", identity_file=None), secrets=RIGHT)
        assert "the password was accepted, but is not enough" in missing.message
    assert verdict(missing) == ("auth-failed", "auth-refused")


class Asks(Rules):
    """A server that asks *questions* one after the other, and notes what it gets."""

    questions: tuple[tuple[str, bool], ...] = ()

    def __init__(self, given: list[str]) -> None:
        super().__init__()
        self._given = given
        self._left = list(self.questions)

    def get_allowed_auths(self, _username):
        """Allow nothing but questions."""
        return "keyboard-interactive"

    def check_auth_interactive(self, _username, _submethods):
        """Ask the first question."""
        return self._next()

    def check_auth_interactive_response(self, responses):
        """Note the answers, and ask the next question."""
        self._given += responses
        return self._next()

    def _next(self):
        if not self._left:
            return paramiko.AUTH_SUCCESSFUL
        return paramiko.InteractiveQuery("", "", self._left.pop(0))


@contextlib.contextmanager
def asking(keys, tmp_path, rules: Callable[[list[str]], Rules]) -> Iterator[tuple[Host, list[str]]]:
    """Yield a host with *rules*, and what it is given."""
    given: list[str] = []
    host_key = paramiko.PKey.from_path(keys / "host_ed25519")
    with speaking_ssh(host_key, lambda: rules(given)) as port:
        public = (keys / "host_ed25519.pub").read_text()
        (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {public}")
        yield host_at(port, known_hosts=str(tmp_path / "known")), given


@pytest.mark.parametrize("prompt", ["Password: ", "Password for deploy@web-1:", "mot de passe : "])
def test_a_prompt_for_the_password_gets_it(keys, tmp_path, prompt):
    """The one prompt that asks for a password without showing it gets the password."""

    class Server(Asks):
        questions = ((prompt, False),)

    with asking(keys, tmp_path, Server) as (host, given):
        connect(host, Options(secrets=RIGHT), Deadline.after(20)).close()

    assert given == [LOGIN_PASSWORD]


@pytest.mark.parametrize(
    "prompt",
    [
        ("Password: ", True),
        ("Verification code: ", False),
        ("One-time password (OATH) for `deploy': ", False),
        ("New password: ", False),
        ("Your mother's maiden name? ", False),
    ],
)
def test_another_question_gets_no_answer(keys, tmp_path, prompt):
    """What asks for something else, or would show the password, is named and gets nothing."""

    class Server(Asks):
        questions = (prompt,)

    with asking(keys, tmp_path, Server) as (host, given):
        error = failure(host, secrets=RIGHT)

    assert given == []
    assert verdict(error) == ("auth-failed", "auth-refused")
    assert prompt[0] in error.message


def test_a_second_question_does_not_get_the_password_again(keys, tmp_path):
    """A host that goes on asking has the password once."""

    class Server(Asks):
        questions = (("Password: ", False), ("Password: ", False))

    with asking(keys, tmp_path, Server) as (host, given):
        error = failure(host, secrets=RIGHT)

    assert given == [LOGIN_PASSWORD]
    assert "once more" in error.message


class AsksForThePassword(Asks):
    """A server that asks for nothing but the password."""

    questions = (("Password: ", False),)


def test_a_host_with_another_key_gets_no_password(keys, tmp_path):
    """Where host keys are not verified, a host that looks changed learns no password."""
    with asking(keys, tmp_path, AsksForThePassword) as (host, given):
        stranger = (keys / "id_stranger.pub").read_text()
        (tmp_path / "known").write_text(f"[127.0.0.1]:{host.port} {stranger}")
        error = failure(host, secrets=RIGHT, host_keys="off")

    assert given == []
    assert "gets no password" in error.message


def test_a_new_host_gets_the_password_where_none_is_verified(keys, tmp_path):
    """Where host keys are not verified, a host of which nothing is known gets it, as from ssh."""
    with asking(keys, tmp_path, AsksForThePassword) as (host, given):
        (tmp_path / "known").write_text("")
        connect(host, Options(secrets=RIGHT, host_keys="off"), Deadline.after(20)).close()

    assert given == [LOGIN_PASSWORD]


class HangsUp(Rules):
    """A server that ends the connection when it sees a password."""

    def __init__(self, given: list[str]) -> None:
        super().__init__()
        self._given = given

    def get_allowed_auths(self, _username):
        """Allow passwords."""
        return "password"

    def check_auth_password(self, _username, password):
        """Note the password and hang up."""
        self._given.append(password)
        self.transport.close()
        return paramiko.AUTH_FAILED


def test_a_host_that_hangs_up_on_a_password_has_refused_it(keys, tmp_path):
    """It is not a lost connection, which would be tried again."""
    with asking(keys, tmp_path, HangsUp) as (host, given):
        error = failure(host, secrets=RIGHT)

    assert len(given) == 1
    assert verdict(error) == ("auth-failed", "password-refused")


class Repeats(HangsUp):
    """A server that shows everybody what it was given."""

    def check_auth_password(self, _username, password):
        """Ask a question with the password in it."""
        self._given.append(password)
        return paramiko.AUTH_FAILED

    def get_allowed_auths(self, _username):
        """Say the password as if it were a method."""
        return ",".join(["password", *self._given])


def test_a_host_cannot_put_the_password_into_the_report(keys, tmp_path):
    """What a host repeats of a password is not repeated."""
    with asking(keys, tmp_path, Repeats) as (host, given):
        error = failure(host, secrets=RIGHT)

    assert given == [LOGIN_PASSWORD]
    assert LOGIN_PASSWORD not in error.message
    assert "[secret]" in error.message


def test_five_refusals_stop_a_run(start_accounts):
    """A wrong password is seen by five hosts; the others are not even connected to."""
    accounts = start_accounts(*BY_PASSWORD, "LogLevel VERBOSE")
    options = in_one_run(Options(secrets=WRONG))
    before = accounts.log.count("Connection from")

    def attempt(number: int) -> str:
        host = accounts.host("asked", name=f"web-{number}", identity_file=None)
        return failure(host, **{f: getattr(options, f) for f in ("secrets", "run")}).cause

    with ThreadPoolExecutor(4) as pool:
        causes = [*pool.map(attempt, range(20))]

    assert causes.count("password-refused") == 5
    assert causes.count("auth-stopped") == 15
    assert accounts.log.count("Failed password for asked") == 5
    assert accounts.log.count("Connection from") - before < 12


def test_a_stopped_password_does_not_stop_a_key(start_accounts, sshd, tmp_path):
    """Hosts with another credential go on in the same run."""
    accounts = start_accounts(*BY_PASSWORD)
    options = in_one_run(Options(secrets=WRONG))
    fields = {"secrets": WRONG, "run": options.run}
    for number in range(5):
        failure(accounts.host("tty", name=f"web-{number}", identity_file=None), **fields)

    assert failure(accounts.host("tty", identity_file=None), **fields).cause == "auth-stopped"
    assert run(accounts.host("tty", identity_file=accounts.key), "id -un", **fields) == b"tty\n"
    assert run(host_of(sshd, tmp_path), "echo in", **fields) == b"in\n"


def test_the_first_log_in_of_a_run_goes_alone(keys, tmp_path):
    """Hosts do not see an unproven key at the same time; proven, they see it together."""
    seen, most = [], []
    together = threading.Barrier(3, timeout=20)

    class Server(Rules):
        def __init__(self, _given) -> None:
            super().__init__()

        def check_auth_publickey(self, _username, key):
            seen.append(key)
            most.append(len(seen))
            if len(most) > 1:
                together.wait()
            seen.remove(key)
            return paramiko.AUTH_SUCCESSFUL

    options = in_one_run(Options(identity_file=str(keys / "id_good")))
    with asking(keys, tmp_path, Server) as (host, _), ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(connect, host, options, Deadline.after(20)) for _ in range(4)]
        for attempt in tries:
            attempt.result().close()

    assert most[0] == 1
    assert len(most) == 4
