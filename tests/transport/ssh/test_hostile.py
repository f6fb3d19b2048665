"""Hosts that hang, lie or hang up: each ends in time, with its own status and cause."""

from __future__ import annotations

import contextlib
import logging
import threading
import time

import paramiko
import pytest

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.transport import Deadline, Options, connect
from preflight.transport.ssh.greeting import MAX_BYTES
from tests.transport.asking import failure, output, verdict, within
from tests.transport.scripted import GREETING, Rules, host_at, serving, speaking_ssh


@pytest.fixture
def host_key(keys) -> paramiko.PKey:
    """Return the private key of scripted hosts."""
    return paramiko.PKey.from_path(keys / "host_ed25519")


@pytest.fixture
def at(keys, tmp_path):
    """Return a function that makes a known host of a port."""

    def known(port: int) -> Host:
        public = (keys / "host_ed25519.pub").read_text()
        (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {public}")
        return host_at(
            port, known_hosts=str(tmp_path / "known"), identity_file=str(keys / "id_good")
        )

    return known


@pytest.fixture
def session_of(at, host_key):
    """Return a function that connects to a server with other rules."""

    @contextlib.contextmanager
    def session(rules):
        with (
            speaking_ssh(host_key, rules) as port,
            connect(at(port), Options(), Deadline.after(60)) as opened,
        ):
            yield opened

    return session


def hold(connection) -> None:
    """Take what comes until the other side hangs up."""
    while connection.recv(4096):
        pass


def say(*words: bytes, every_s: float = 0.0):
    """Return a script that says *words*, and then takes what comes."""

    def script(connection) -> None:
        for word in words:
            connection.sendall(word)
            time.sleep(every_s)
        hold(connection)

    return script


def say_and_close(words: bytes):
    """Return a script that says *words* and hangs up when it is spoken to."""

    def script(connection) -> None:
        connection.sendall(words)
        connection.recv(4096)

    return script


def say_for_ever(words: bytes):
    """Return a script that does not stop."""

    def script(connection) -> None:
        while True:
            connection.sendall(words)

    return script


HANDSHAKES = {
    "silent": (say(), "timeout", "banner-timeout", "said nothing"),
    "slow": (say(*[b"x"] * 50, every_s=0.1), "timeout", "banner-timeout", "'xx"),
    "endless lines": (say_for_ever(b"hello\r\n" * 500), "timeout", "banner-timeout", "'hello'"),
    "endless line": (say_for_ever(b"x" * 4000), "timeout", "banner-timeout", "no SSH greeting"),
    "web server": (say_and_close(b"HTTP/1.1 400 No\r\n\r\n"), "error", "not-ssh", "HTTP/1.1 400"),
    "control codes": (say_and_close(b"\x1b[2J\n"), "error", "not-ssh", r"\x1b[2J"),
    "hangs up": (lambda _: None, "unreachable", "connection-lost", "before the SSH greeting"),
    "throttled": (
        say_and_close(b"Exceeded MaxStartups\r\n"),
        "unreachable",
        "too-many-connections",
        "MaxStartups",
    ),
    "old": (say_and_close(b"SSH-1.5-old\r\n"), "error", "algorithms-incompatible", "1.5"),
    "half a greeting": (say_and_close(b"SSH-2.0\r\n"), "error", "not-ssh", "'SSH-2.0'"),
    "drops after greeting": (
        say_and_close(GREETING),
        "unreachable",
        "connection-lost",
        "during the key exchange",
    ),
    "silent after greeting": (say(GREETING), "timeout", "connect-timeout", "key exchange"),
    "huge packet": (
        say(GREETING, b"\xff\xff\xff\xf0" + bytes(100)),
        "error",
        "protocol",
        "packet",
    ),
    "garbage packet": (say(GREETING, bytes(range(256)) * 8), "error", "protocol", "packet"),
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_bad_handshake_has_its_own_cause(name, at, capfd):
    """Whatever a host says in place of SSH, it is named, in time and without a traceback."""
    script, status, cause, words = HANDSHAKES[name]
    with serving(script) as port, within(3):
        error = failure(at(port), connect_timeout_s=0.5)

    assert verdict(error) == (status, cause)
    assert words in error.message
    assert capfd.readouterr() == ("", "")


def test_the_deadline_is_named_where_it_is_shorter(at):
    """A host that is silent till its deadline has the deadline as cause."""
    with serving(say()) as port, within(2):
        error = failure(at(port), deadline_s=0.4)

    assert verdict(error) == ("timeout", "deadline")


def test_the_deadline_ends_a_key_exchange(at):
    """A host that is silent after its greeting is over at its deadline."""
    with serving(say(GREETING)) as port, within(2):
        error = failure(at(port), deadline_s=0.4)

    assert verdict(error) == ("timeout", "deadline")


def test_an_endless_greeting_is_cut_by_its_size(at):
    """A host that floods before its greeting is cut off long before the time is."""
    with serving(say_for_ever(b"x" * 4000)) as port, within(5):
        error = failure(at(port), connect_timeout_s=30)

    assert str(MAX_BYTES) in error.message


def test_lines_before_the_greeting_are_allowed(at):
    """A server may say something before its greeting; RFC 4253, 4.2."""
    with serving(say_and_close(b"welcome\r\n" + GREETING)) as port:
        assert verdict(failure(at(port))) == ("unreachable", "connection-lost")


class DropsAtLogin(Rules):
    """Hangs up when it sees a key."""

    def check_auth_publickey(self, _username, _key):
        """Hang up."""
        self.transport.close()
        return paramiko.AUTH_FAILED


class HangsAtLogin(Rules):
    """Never answers a key."""

    over = threading.Event()

    def check_auth_publickey(self, _username, _key):
        """Think about it."""
        self.over.wait(10)
        return paramiko.AUTH_FAILED


def test_a_host_that_drops_the_log_in_is_lost(at, host_key):
    """A connection that ends during the log-in is lost, not refused."""
    with speaking_ssh(host_key, DropsAtLogin) as port, within(3):
        error = failure(at(port))

    assert verdict(error) == ("unreachable", "connection-lost")
    assert "while logging in" in error.message


def test_the_deadline_ends_a_log_in(at, host_key):
    """A host that never answers a key is over at its deadline."""
    with speaking_ssh(host_key, HangsAtLogin) as port, within(3):
        error = failure(at(port), deadline_s=0.8)
        HangsAtLogin.over.set()

    assert verdict(error) == ("timeout", "deadline")


class RefusesCommands(Rules):
    """Lets in, and runs nothing."""

    def check_channel_exec_request(self, _channel, _command):
        """Refuse."""
        return False


class EndsWithoutStatus(Rules):
    """Says something, and closes the channel without an exit status."""

    def run(self, channel):
        """Say it."""
        channel.sendall(b"said\n")
        channel.close()


class DropsTheCommand(Rules):
    """Hangs up in the middle of a command."""

    def run(self, channel):
        """Say half of it."""
        channel.sendall(b"half")
        time.sleep(0.2)
        self.transport.close()


class IgnoresTheWindow(Rules):
    """Sends more than the client allowed."""

    def run(self, channel):
        """Send for as long as somebody listens."""
        channel.out_window_size = 1 << 40
        with contextlib.suppress(OSError, EOFError):
            while channel.send(bytes(32000)):
                pass


def test_a_refused_command_is_no_shell(session_of):
    """A host that refuses to run a command has no shell."""
    with session_of(RefusesCommands) as session, within(5):
        stream = session.start("true")
        with pytest.raises(TransportError) as caught:
            stream.read(1)

    assert verdict(caught.value) == ("error", "no-shell")


def test_an_end_without_a_status_is_an_end(session_of):
    """Output that ends without an exit status ends all the same, and soon."""
    with session_of(EndsWithoutStatus) as session, within(5):
        stream = session.start("true")

        assert output(stream) == b"said\n"
        assert stream.exit_status() is None


def test_a_connection_lost_in_a_command_is_no_end_of_output(session_of):
    """Output that a lost connection cut short is not taken for the whole."""
    with session_of(DropsTheCommand) as session, within(5):
        stream = session.start("true")
        with pytest.raises(TransportError) as caught:
            output(stream)

    assert verdict(caught.value) == ("unreachable", "connection-lost")


def test_a_host_that_ignores_the_window_is_cut_off(session_of):
    """A host that sends more than it may is stopped before it fills the memory."""
    with session_of(IgnoresTheWindow) as session, within(10):
        stream = session.start("true")
        time.sleep(0.5)
        with pytest.raises(TransportError) as caught:
            output(stream)

    assert verdict(caught.value) == ("error", "output-limit")


def test_no_answer_is_lost_between_two_waits(at, host_key):
    """Thirty log-ins, each answered at once, none of which waits for a timeout."""
    with speaking_ssh(host_key, Rules) as port, within(10):
        for _ in range(30):
            connect(at(port), Options(), Deadline.after(5)).close()


def test_paramiko_says_nothing_on_stderr():
    """Paramiko's log has a handler, or Python would print it."""
    assert any(isinstance(h, logging.NullHandler) for h in logging.getLogger("paramiko").handlers)
