"""Hosts behind a jump host, with real sshds."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import paramiko
import pytest
from msgspec import structs

from preflight.errors import TransportError
from preflight.transport import Deadline, Options, connect, reach, sharing
from tests.transport.asking import failure, output, run, verdict, within
from tests.transport.conftest import free_port, host_of, wait_until
from tests.transport.scripted import GREETING, half_open, relaying, serving


@pytest.fixture(autouse=True)
def _short_lives(monkeypatch):
    monkeypatch.setattr(sharing, "IDLE_S", 0.5)


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
    """Fifty hosts, 16 at a time, are one log-in; none disturbs another when it ends."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(run, [behind()] * 50, ["echo in"] * 50))

    assert answers == [b"in\n"] * 50
    assert logins(bastion) == 1


@pytest.mark.slow
def test_two_hundred_hosts_at_a_time_are_four_connections(behind, bastion):
    """A connection to a jump host takes 64 hosts; further ones are opened one by one."""
    host, deadline = behind(), Deadline.after(120)
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        ways = [reach(host, Options(), deadline) for _ in range(200)]
        sessions = list(pool.map(lambda way: way.result().log_in(), ways))
        for session in sessions:
            stack.enter_context(session)

        assert logins(bastion) == 4
        assert output(sessions[0].start("echo in")) == b"in\n"
        assert output(sessions[-1].start("echo in")) == b"in\n"


def test_a_connection_with_room_is_used_before_another_is_opened(behind, bastion, monkeypatch):
    """A host that ends makes room for the next one."""
    monkeypatch.setattr(sharing, "CAPACITY", 2)
    deadline = Deadline.after(20)
    with connect(behind(), Options(), deadline), connect(behind(), Options(), deadline):
        with connect(behind(), Options(), deadline):
            assert logins(bastion) == 2
        run(behind(), "true")

        assert logins(bastion) == 2


def test_log_ins_through_a_jump_host_are_few_at_a_time(bastion, start_sshd, tmp_path):
    """The hosts behind a jump host may be one server: it is not asked for too much at once."""
    narrow = start_sshd("MaxStartups 10:100:10")
    jump = host_of(bastion, tmp_path, name="bastion")
    host, options = host_of(narrow, tmp_path, gateway=jump), Options(gateway_logins=2)
    deadline = Deadline.after(60)
    ways = [reach(host, options, deadline) for _ in range(32)]
    with ThreadPoolExecutor(16) as pool:
        for session in pool.map(lambda way: way.result().log_in(), ways):
            session.close()

    assert logins(narrow) == 32


def test_a_dead_host_behind_a_jump_host_keeps_nobody_waiting(behind):
    """A host whose packets are dropped ends with the connect timeout; others go on meanwhile."""
    options = Options(gateway_logins=1, connect_timeout_s=4)
    with half_open() as port:
        dead = reach(behind(port=port), options, Deadline.after(30))
        with within(3.5):
            way = reach(behind(), options, Deadline.after(30))
            way.result().log_in().close()
        assert not dead.done()
        error = dead.exception(timeout=10)

    assert verdict(error) == ("timeout", "connect-timeout")
    assert "the jump host bastion" in error.message


def test_hosts_wait_for_their_turn_until_their_deadline(behind):
    """A log-in that hangs keeps its place, and those who wait for it are over in time."""
    options = Options(gateway_logins=1)
    begun = threading.Event()

    def silent(connection):
        while connection.recv(4096):
            begun.set()

    with serving(silent) as port, ThreadPoolExecutor(1) as pool:
        hung = pool.submit(failure, behind(port=port), deadline_s=4, gateway_logins=1)
        begun.wait(10)
        with within(3):
            error = reach(behind(), options, Deadline.after(1.5)).exception()
        hung.result()

    assert verdict(error) == ("timeout", "deadline")
    assert run(behind(), "echo in") == b"in\n"


def test_hosts_that_nobody_talks_to_keep_no_turn(behind):
    """A host that was reached, and waits for a worker, does not keep others from a log-in."""
    options, deadline = Options(gateway_logins=1), Deadline.after(30)
    with within(10):
        first = reach(behind(), options, deadline).result()
        second = reach(behind(), options, deadline).result()
        second.log_in().close()
        first.log_in().close()


@pytest.fixture
def relayed(behind, bastion, tmp_path):
    """Return a relay, and a host behind the bastion that is reached through it."""
    with relaying(bastion.port) as relay:
        public = (bastion.directory / "host_ed25519.pub").read_text()
        (tmp_path / "relayed").write_text(f"[127.0.0.1]:{relay.port} {public}")
        known = str(tmp_path / "relayed")
        jump = host_of(bastion, tmp_path, name="bastion", port=relay.port, known_hosts=known)
        yield relay, behind(jump)


def test_a_jump_host_that_goes_away_is_told_and_replaced(relayed, bastion):
    """Hosts whose jump host dies are lost, which may pass; the next host opens a new connection."""
    relay, host = relayed
    with connect(host, Options(), Deadline.after(20)) as session:
        stream = session.start("sleep 30")
        relay.cut()
        with pytest.raises(TransportError) as caught, within(3):
            stream.read(1)

    assert verdict(caught.value) == ("unreachable", "connection-lost")
    assert caught.value.passing
    assert run(host, "echo in") == b"in\n"
    assert logins(bastion) == 2


def test_a_jump_host_that_dies_in_a_log_in_behind_it_is_named(relayed):
    """A log-in that the jump host's end cut short is the jump host's failure, and may pass."""
    relay, host = relayed

    def dies(connection):
        connection.sendall(GREETING)
        connection.recv(4096)
        relay.cut()

    with serving(dies) as port:
        error = failure(structs.replace(host, port=port))

    assert verdict(error) == ("unreachable", "jump-failed")
    assert error.message.startswith("the jump host bastion: ")
    assert error.passing


def test_a_jump_host_that_throttles_may_be_asked_again_soon(relayed):
    """A jump host that has no room now is a fault that passes, and is not remembered for long."""
    relay, host = relayed
    relay.instead = b"Exceeded MaxStartups\r\n"
    errors = [failure(host) for _ in range(5)]
    relay.instead = b""
    time.sleep(sharing.FAULT_S)

    assert run(host, "echo in") == b"in\n"
    assert {(*verdict(error), error.passing) for error in errors} == {
        ("unreachable", "jump-failed", True)
    }
    assert relay.connections <= 4


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


def test_a_changed_key_in_the_middle_of_a_chain_is_refused(behind, start_sshd, bastion, tmp_path):
    """Every hop of a chain is verified."""
    first = host_of(start_sshd(), tmp_path, name="outer")
    stranger = (bastion.directory / "id_stranger.pub").read_text()
    (tmp_path / "wrong").write_text(f"[127.0.0.1]:{bastion.port} {stranger}")
    known = str(tmp_path / "wrong")
    second = host_of(bastion, tmp_path, name="inner", gateway=first, known_hosts=known)

    error = failure(behind(second))

    assert verdict(error) == ("host-key", "jump-failed")
    assert error.message.startswith("the jump host inner: the host has the ssh-ed25519 key")
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
