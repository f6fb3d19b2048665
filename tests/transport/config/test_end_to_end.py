"""Real hosts that are reached only by what an ssh configuration says of them."""

from __future__ import annotations

import getpass

import pytest

from preflight.model.host import Host
from preflight.transport import sharing
from tests.transport.asking import failure, run, verdict


@pytest.fixture(autouse=True)
def _short_lives(monkeypatch):
    monkeypatch.setattr(sharing, "IDLE_S", 0.1)


@pytest.fixture
def alias(sshd, tmp_path):
    """Return a configuration in which the sshd is called web-1, with all that it takes."""
    known = sshd.known_hosts(tmp_path / "known_hosts")
    text = f"""
    Host web-1
        HostName 127.0.0.1
        Port {sshd.port}
        User {getpass.getuser()}
        IdentityFile {sshd.identity()}
        UserKnownHostsFile {known}
    """
    (tmp_path / "config").write_text(text)
    return tmp_path / "config"


def test_an_alias_is_a_host(alias):
    """Address, port, user, key and known hosts all come from the configuration."""
    assert b"in\n" == run(Host(name="web-1"), "echo in", ssh_config=str(alias))


def test_without_the_configuration_it_is_none(alias):
    """The name alone leads nowhere."""
    del alias

    assert ("unreachable", "name-not-found") == verdict(
        failure(Host(name="web-1.invalid"), ssh_config="none")
    )


def test_an_alias_needs_no_ssh_program(alias, no_ssh):
    """The parser of our own reaches the same host."""
    del no_ssh

    assert b"in\n" == run(Host(name="web-1"), "echo in", ssh_config=str(alias))


def test_options_make_an_alias_too(alias, sshd):
    """A host that the file does not know, told with --ssh-option."""
    given = (f"Port={sshd.port}", "HostName=127.0.0.1", f"IdentityFile={sshd.identity()}")
    known = f"UserKnownHostsFile={alias.parent}/known_hosts"

    assert b"in\n" == run(Host(name="x"), "echo in", ssh_config="none", ssh_options=(*given, known))


def test_a_proxy_jump_of_the_configuration_is_taken(alias, start_sshd, tmp_path):
    """The host is reached from the jump host, both of them verified."""
    bastion = start_sshd()
    bastion.known_hosts(tmp_path / "bastion_known")
    text = f"""
    Host web-1
        ProxyJump {getpass.getuser()}@gate:{bastion.port}
    Host gate
        HostName 127.0.0.1
        IdentityFile {bastion.identity()}
        UserKnownHostsFile {tmp_path}/bastion_known
    """
    alias.write_text(alias.read_text() + text)

    assert b"in\n" == run(Host(name="web-1"), "echo in", ssh_config=str(alias))
    log = bastion.directory / f"sshd_config_{bastion.port}.log"
    assert "Accepted publickey" in log.read_text()


def test_a_jump_host_is_verified_by_its_own_known_hosts(alias, start_sshd, tmp_path):
    """One that nobody knows is not passed."""
    bastion = start_sshd()
    (tmp_path / "nothing").touch()
    text = f"Host gate\n HostName 127.0.0.1\n UserKnownHostsFile {tmp_path}/nothing\n"
    alias.write_text(alias.read_text() + text)

    error = failure(Host(name="web-1"), ssh_config=str(alias), jump=f"gate:{bastion.port}")

    assert ("host-key", "jump-failed") == verdict(error)
