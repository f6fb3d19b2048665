"""Hosts behind a jump host, by the system's ssh and real sshds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import structs

from preflight.errors import TransportError
from preflight.transport import Deadline, Options, connect, sharing
from tests.transport.asking import failure, run, verdict, within
from tests.transport.conftest import free_port, host_of
from tests.transport.scripted import half_open, relaying
from tests.transport.ssh.test_gateway import logins


@pytest.fixture(autouse=True)
def _short_lives(monkeypatch):
    monkeypatch.setattr(sharing, "IDLE_S", 0.5)


@pytest.fixture
def bastion(start_sshd):
    """Return a jump host that no other test has used."""
    return start_sshd("LogLevel VERBOSE")


@pytest.fixture
def behind(sshd, bastion, tmp_path):
    """Return a function that makes a host behind the bastion."""

    def host(jump=None, **changes):
        jump = jump or host_of(bastion, tmp_path, name="bastion")
        return host_of(sshd, tmp_path, gateway=jump, transport="openssh", **changes)

    return host


def test_hosts_share_the_connection_to_their_jump_host(behind, bastion):
    """Twelve hosts behind a jump host are one log-in there."""
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(run, [behind()] * 12, ["echo in"] * 12))

    assert answers == [b"in\n"] * 12
    assert logins(bastion) == 1


def test_jump_hosts_can_be_chained(behind, start_sshd, bastion, tmp_path):
    """A jump host may have one of its own."""
    outer = start_sshd()
    second = host_of(
        bastion, tmp_path, name="inner", gateway=host_of(outer, tmp_path, name="outer")
    )

    assert run(behind(second), "echo in") == b"in\n"
    assert (logins(outer), logins(bastion)) == (1, 1)


def test_a_jump_host_of_the_command_line_is_shared_too(behind, bastion, sshd, tmp_path):
    """``-J`` is one log-in, and verified as the hosts are."""
    known = tmp_path / "both"
    public = (sshd.directory / "host_ed25519.pub").read_text()
    known.write_text(f"[127.0.0.1]:* {public}[127.0.0.1]:{bastion.port} {public}")
    plain = structs.replace(behind(), gateway=None)
    options = Options(
        jump=f"{plain.user}@127.0.0.1:{bastion.port}",
        identity_file=plain.identity_file,
        known_hosts=str(known),
        ssh_config="none",
    )
    for _ in range(2):
        connect(plain, options, Deadline.after(20)).close()

    assert logins(bastion) == 1


def test_what_no_jump_host_is_called_is_said(behind):
    """A ``-J`` that names nothing is an error of its own."""
    error = failure(structs.replace(behind(), gateway=None), jump="bastion:no-port")

    assert verdict(error) == ("error", "jump-failed")


def test_each_host_behind_has_its_own_cause(behind):
    """What the jump host says of a host is that host's cause."""
    assert verdict(failure(behind(port=free_port()))) == ("unreachable", "connection-refused")
    assert verdict(failure(behind(address="a..b"))) == ("unreachable", "name-not-found")
    assert verdict(failure(behind(port=free_port()))) == ("unreachable", "connection-refused")


def test_a_dead_host_behind_ends_with_the_connect_timeout(behind):
    """A host whose packets are dropped is over in time, and another one goes on meanwhile."""
    with half_open() as port, within(10), ThreadPoolExecutor(1) as pool:
        dead = pool.submit(failure, behind(port=port), connect_timeout_s=2)
        assert run(behind(), "echo in") == b"in\n"
        error = dead.result()

    assert verdict(error) == ("timeout", "connect-timeout")


def test_a_jump_host_that_does_not_forward_is_named(behind, start_sshd, tmp_path):
    """A jump host that forbids forwarding has failed."""
    jump = host_of(start_sshd("AllowTcpForwarding no"), tmp_path, name="bastion")

    error = failure(behind(jump))

    assert verdict(error) == ("unreachable", "jump-failed")
    assert "administratively prohibited" in error.message


def test_a_jump_host_that_refuses_us_is_asked_once(behind, bastion, tmp_path):
    """Four hosts behind a jump host that refuses the key are one refused log-in."""
    stranger = bastion.identity("id_stranger")
    jump = host_of(bastion, tmp_path, name="bastion", identity_file=stranger)
    with ThreadPoolExecutor(4) as pool:
        errors = list(pool.map(failure, [behind(jump)] * 4))

    assert {verdict(error) for error in errors} == {("auth-failed", "jump-failed")}
    assert errors[0].message.startswith("the jump host bastion: ")
    log = (bastion.directory / f"sshd_config_{bastion.port}.log").read_text()
    assert log.count("Failed publickey") == 1


def test_a_jump_host_of_the_configuration_is_asked_no_password(bastion, sshd, tmp_path):
    """The ssh of a ProxyJump tries keys alone as well, and verifies as we do."""
    stranger = bastion.identity("id_stranger")
    config = tmp_path / "config"
    config.write_text(
        f"Host web-1\n ProxyJump localhost:{bastion.port}\n"
        f"Host *\n IdentityFile {stranger}\n IdentitiesOnly yes\n"
    )
    public = (bastion.directory / "host_ed25519.pub").read_text()
    (tmp_path / "known").write_text(f"[localhost]:{bastion.port} {public}")
    host = host_of(sshd, tmp_path, transport="openssh", known_hosts=None)
    options = {"ssh_config": str(config), "known_hosts": str(tmp_path / "known")}

    refused = failure(host, **options)
    (tmp_path / "known").write_text("")
    unknown = failure(host, **options)

    assert verdict(refused) == ("auth-failed", "jump-failed")
    assert verdict(unknown) == ("host-key", "jump-failed")
    log = (bastion.directory / f"sshd_config_{bastion.port}.log").read_text()
    assert "Failed publickey" in log
    assert "Failed password" not in log
    assert "Failed none" not in log


@pytest.mark.parametrize(("direct", "options"), [(True, {}), (False, {"jump": "none"})])
def test_no_jump_is_stronger_than_the_configuration(sshd, tmp_path, direct, options):
    """A host of `jump: none`, and every host with `-J none`, is reached directly."""
    (tmp_path / "config").write_text("ProxyJump localhost:1\n")
    host = host_of(sshd, tmp_path, transport="openssh", direct=direct)

    assert run(host, "echo in", ssh_config=str(tmp_path / "config"), **options) == b"in\n"


def test_a_jump_host_that_goes_away_is_replaced(behind, bastion, tmp_path):
    """Hosts whose jump host dies are lost, which may pass; the next host opens a new connection."""
    with relaying(bastion.port) as relay:
        public = (bastion.directory / "host_ed25519.pub").read_text()
        (tmp_path / "relayed").write_text(f"[127.0.0.1]:{relay.port} {public}")
        known = str(tmp_path / "relayed")
        jump = host_of(bastion, tmp_path, name="bastion", port=relay.port, known_hosts=known)
        host = behind(jump)
        with connect(host, Options(), Deadline.after(20)) as session:
            stream = session.start("sleep 30")
            relay.cut()
            with pytest.raises(TransportError) as caught, within(5):
                stream.read(1)

        assert verdict(caught.value) == ("unreachable", "connection-lost")
        assert caught.value.passing
        assert run(host, "echo in") == b"in\n"
    assert logins(bastion) == 2
