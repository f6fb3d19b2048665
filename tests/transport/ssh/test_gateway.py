"""Hosts behind a jump host, with real sshds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import paramiko
import pytest

from preflight.errors import TransportError
from preflight.transport import Deadline, Options, connect
from preflight.transport.ssh import gateway
from tests.transport.asking import failure, output, run, verdict, within
from tests.transport.conftest import free_port, host_of, wait_until
from tests.transport.scripted import serving


@pytest.fixture(autouse=True)
def _short_lives(monkeypatch):
    monkeypatch.setattr(gateway, "IDLE_S", 0.5)


@pytest.fixture
def bastion(start_sshd):
    """Return a jump host that no other test has used."""
    return start_sshd()


def logins(sshd) -> int:
    """Return how often somebody was let in."""
    return (sshd.directory / f"sshd_config_{sshd.port}.log").read_text().count("Accepted publickey")


@pytest.fixture
def behind(sshd, bastion, tmp_path):
    """Return a function that makes a host behind the bastion."""

    def host(jump=None, **changes):
        jump = jump or host_of(bastion, tmp_path, name="bastion")
        return host_of(sshd, tmp_path, gateway=jump, **changes)

    return host


def test_a_host_is_reached_through_its_jump_host(behind, bastion):
    """A command runs on the host behind, and the jump host lets us in."""
    assert run(behind(), "echo $SSH_CONNECTION").split()[3].decode() == str(behind().port)
    assert logins(bastion) == 1


def test_names_are_looked_up_at_the_jump_host(behind, sshd, tmp_path):
    """An address that only the jump host understands is left to it."""
    public = (sshd.directory / "host_ed25519.pub").read_text()
    (tmp_path / "named").write_text(f"[localhost]:{sshd.port} {public}")
    host = behind(address="localhost", known_hosts=str(tmp_path / "named"))

    assert run(host, "echo in") == b"in\n"


def test_hosts_share_the_connection_to_their_jump_host(behind, bastion):
    """Forty hosts, eight at a time, are one log-in; none disturbs another when it ends."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(run, [behind()] * 40, ["echo in"] * 40))

    assert answers == [b"in\n"] * 40
    assert logins(bastion) == 1


def test_a_jump_host_may_have_one_of_its_own(behind, start_sshd, bastion, tmp_path):
    """Jump hosts can be chained."""
    outer = start_sshd()
    first = host_of(outer, tmp_path, name="outer")
    second = host_of(bastion, tmp_path, name="inner", gateway=first)

    assert run(behind(second), "echo in") == b"in\n"
    assert (logins(outer), logins(bastion)) == (1, 1)


def test_a_changed_key_of_the_jump_host_is_refused(behind, bastion, tmp_path):
    """A jump host is verified as any host is, and named."""
    stranger = (bastion.directory / "id_stranger.pub").read_text()
    (tmp_path / "wrong").write_text(f"[127.0.0.1]:{bastion.port} {stranger}")
    jump = host_of(bastion, tmp_path, name="bastion", known_hosts=str(tmp_path / "wrong"))

    error = failure(behind(jump))

    assert verdict(error) == ("host-key", "jump-failed")
    assert error.message.startswith("the jump host bastion: the host has the ssh-ed25519 key")
    assert f"{tmp_path}/wrong:1" in error.message
    assert logins(bastion) == 0


def test_a_changed_key_behind_the_jump_host_is_refused(behind, sshd, tmp_path):
    """A host behind a jump host is verified too."""
    stranger = (sshd.directory / "id_stranger.pub").read_text()
    (tmp_path / "wrong").write_text(f"[127.0.0.1]:{sshd.port} {stranger}")

    error = failure(behind(known_hosts=str(tmp_path / "wrong")))

    assert verdict(error) == ("host-key", "host-key-changed")


def test_a_closed_port_behind_the_jump_host_is_refused(behind):
    """What the jump host says of the host is the host's own cause."""
    error = failure(behind(port=free_port()))

    assert verdict(error) == ("unreachable", "connection-refused")


def test_two_failures_at_a_time_are_not_mixed_up(behind):
    """Each of many hosts behind one jump host gets its own cause."""
    closed, nameless = behind(port=free_port()), behind(address="a..b")
    with ThreadPoolExecutor(8) as pool:
        causes = list(pool.map(lambda host: failure(host).cause, [closed, nameless] * 12))

    assert causes == ["connection-refused", "name-not-found"] * 12


def test_a_jump_host_that_does_not_forward_is_named(behind, start_sshd, tmp_path):
    """A jump host that forbids forwarding has failed."""
    jump = host_of(start_sshd("AllowTcpForwarding no"), tmp_path, name="bastion")

    error = failure(behind(jump))

    assert verdict(error) == ("unreachable", "jump-failed")
    assert "the jump host bastion" in error.message


def test_a_jump_host_that_refuses_us_is_asked_once(behind, start_sshd, tmp_path):
    """Ten hosts behind a jump host that refuses the key are one refused log-in."""
    sshd = start_sshd("LogLevel VERBOSE")
    stranger = sshd.identity("id_stranger")
    jump = host_of(sshd, tmp_path, name="bastion", identity_file=stranger)
    with ThreadPoolExecutor(4) as pool:
        errors = list(pool.map(failure, [behind(jump)] * 10))

    assert {verdict(error) for error in errors} == {("auth-failed", "jump-failed")}
    log = (sshd.directory / f"sshd_config_{sshd.port}.log").read_text()
    assert log.count("Failed publickey") == 1


def test_the_deadline_ends_the_wait_for_a_jump_host(behind, bastion, tmp_path):
    """A host is over at its deadline also where another one waits for the jump host."""

    def silent(connection):
        while connection.recv(4096):
            pass

    with serving(silent) as port, within(3), ThreadPoolExecutor(4) as pool:
        jump = host_of(bastion, tmp_path, name="bastion", port=port)
        host = behind(jump)
        errors = list(pool.map(lambda _: failure(host, deadline_s=0.5), range(4)))

    assert {verdict(error) for error in errors} == {("timeout", "deadline")}


def test_the_deadline_ends_a_command_behind_a_jump_host(behind):
    """A hung host behind a jump host is over at its deadline; its neighbour is not."""
    with (
        within(5),
        connect(behind(), Options(), Deadline.after(1)) as session,
        connect(behind(), Options(), Deadline.after(20)) as neighbour,
    ):
        stream = session.start("sleep 30")
        with pytest.raises(TransportError) as caught:
            stream.read(1)

        assert verdict(caught.value) == ("timeout", "deadline")
        assert output(neighbour.start("echo in")) == b"in\n"


def test_the_jump_host_is_left_after_its_last_host(behind, bastion):
    """A connection that nobody uses is closed; the next host opens another."""
    run(behind(), "true")
    wait_until(lambda: not transports())
    run(behind(), "true")

    assert logins(bastion) == 2


def transports() -> list[threading.Thread]:
    """Return the connections that are open."""
    return [t for t in threading.enumerate() if isinstance(t, paramiko.Transport)]
