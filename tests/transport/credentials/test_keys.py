"""Which keys are offered: with a real ssh-agent and real key files."""

from __future__ import annotations

import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from preflight.transport import Options
from preflight.transport.settings import settings_for
from tests.transport.asking import failure, run, verdict, within
from tests.transport.conftest import free_port, host_of, make_key
from tests.transport.credentials.identities import certify, offers, strangers
from tests.transport.relay import relaying
from tests.transport.scripted import Rules, host_at, speaking_ssh


@pytest.mark.parametrize("name", ["id_good", "id_rsa"])
def test_a_key_of_the_agent_logs_in(sshd, tmp_path, agent, name):
    """Without a key file, the agent's key is used, whatever its type."""
    agent(sshd.identity(name))

    assert run(host_of(sshd, tmp_path, identity_file=None), "echo in") == b"in\n"


def test_an_rsa_key_file_logs_in(sshd, tmp_path):
    """An RSA key is used with SHA-2, which is all that a host of today takes."""
    host = host_of(sshd, tmp_path, identity_file=sshd.identity("id_rsa"))

    assert run(host, "echo in") == b"in\n"


def test_the_agent_is_left_alone_when_told_so(sshd, tmp_path, agent):
    """Without use_agent, the agent's keys are not offered."""
    agent(sshd.identity())
    error = failure(host_of(sshd, tmp_path, identity_file=None), use_agent=False)

    assert verdict(error) == ("auth-failed", "no-credential")


def test_a_key_file_comes_before_the_other_keys_of_the_agent(sshd, tmp_path, agent):
    """However many keys the agent has, the one that was asked for is among those offered."""
    for path in strangers(tmp_path, 7):
        agent(path)

    assert run(host_of(sshd, tmp_path), "echo in") == b"in\n"


def test_a_public_key_file_chooses_a_key_of_the_agent(sshd, tmp_path, agent):
    """An identity file may be a public key, whose private half the agent has."""
    for path in (*strangers(tmp_path, 7), sshd.identity()):
        agent(path)
    host = host_of(sshd, tmp_path, identity_file=sshd.identity("id_good.pub"))

    assert run(host, "echo in") == b"in\n"


def test_a_locked_key_is_used_through_the_agent(sshd, tmp_path, agent, unlocked):
    """A key file with a passphrase is good where the agent holds the key."""
    for path in (*strangers(tmp_path, 7), unlocked):
        agent(path)
    host = host_of(sshd, tmp_path, identity_file=sshd.identity("id_locked"))

    assert run(host, "echo in") == b"in\n"


def test_no_more_than_five_keys_are_offered(keys, tmp_path, agent):
    """A host sees at most five keys, less than it takes to be thrown out."""
    seen = []

    class Counts(Rules):
        def check_auth_publickey(self, _username, key):
            seen.append(key)
            return paramiko.AUTH_FAILED

    for path in strangers(tmp_path, 7):
        agent(path)
    host_key = paramiko.PKey.from_path(keys / "host_ed25519")
    with speaking_ssh(host_key, Counts) as port:
        public = (keys / "host_ed25519.pub").read_text()
        (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {public}")
        error = failure(host_at(port, known_hosts=str(tmp_path / "known")))

    assert verdict(error) == ("auth-failed", "auth-refused")
    assert len(seen) == len({key.asbytes() for key in seen}) == 5
    assert error.message.count("(agent)") == 5


UNREADABLE = {
    "locked": ("id_locked", "is encrypted, and no agent holds it"),
    "absent": ("id_absent", "does not exist"),
    "public": ("id_good.pub", "is a public key, whose private half the agent lacks"),
    "no key": ("authorized_keys_of_nobody", "is not a private key that can be read"),
    "directory": ("", "cannot be read: Is a directory"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_key_that_cannot_be_used_is_said_before_dialling(name, sshd, tmp_path):
    """A key file that is of no use is named with the reason, and no host is bothered."""
    file, words = UNREADABLE[name]
    (sshd.directory / "authorized_keys_of_nobody").write_text("nothing\n")
    host = host_of(sshd, tmp_path, identity_file=sshd.identity(file), port=free_port())

    error = failure(host)

    assert verdict(error) == ("auth-failed", "key-unreadable")
    assert error.message == f"the key {host.identity_file} {words}"


@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
@pytest.mark.parametrize("passphrase", ["", "secret"])
def test_every_form_of_key_file_is_told(sshd, tmp_path, form, passphrase):
    """A key in any of OpenSSH's forms is read, or is known to be encrypted."""
    path = tmp_path / "id"
    command = ["ssh-keygen", "-q", "-t", "ecdsa", "-m", form, "-N", passphrase, "-f", path]
    subprocess.run(command, check=True)

    error = failure(host_of(sshd, tmp_path, identity_file=str(path)))

    assert error.cause == ("key-unreadable" if passphrase else "auth-refused")
    assert ("is encrypted" in error.message) == bool(passphrase)


def test_a_locked_default_key_is_told_where_there_is_no_other(sshd, tmp_path):
    """A default key that only a passphrase opens is the reason why nothing was offered."""
    (tmp_path / ".ssh").mkdir()
    os.link(sshd.identity("id_locked"), tmp_path / ".ssh/id_ed25519")
    error = failure(host_of(sshd, tmp_path, identity_file=None), ssh_config="none")

    assert verdict(error) == ("auth-failed", "key-unreadable")
    assert "is encrypted" in error.message


def test_a_locked_default_key_does_not_stop_another(sshd, tmp_path):
    """A default key that cannot be used is passed over for one that can."""
    (tmp_path / ".ssh").mkdir()
    os.link(sshd.identity("id_locked"), tmp_path / ".ssh/id_ed25519")
    os.link(sshd.identity("id_rsa"), tmp_path / ".ssh/id_rsa")

    host = host_of(sshd, tmp_path, identity_file=None)

    assert run(host, "echo in", ssh_config="none") == b"in\n"


def test_an_agent_that_is_gone_is_no_agent(sshd, tmp_path, monkeypatch):
    """A socket that nobody listens on does not stop a key file."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))

    assert run(host_of(sshd, tmp_path), "echo in") == b"in\n"


def test_one_connection_to_the_agent_serves_all_hosts(sshd, tmp_path, agent, monkeypatch):
    """The threads of a process share a connection; one that ends is opened anew, unnoticed."""
    agent(sshd.identity())
    host = host_of(sshd, tmp_path, identity_file=None)
    with relaying(tmp_path / "relay", str(tmp_path / "agent")) as relay:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(relay.path))
        with ThreadPoolExecutor(4) as pool:
            outputs = [*pool.map(lambda _: run(host, "echo in"), range(8))]
        assert outputs == [b"in\n"] * 8
        assert len(relay.connections) == 1

        relay.cut()
        assert run(host, "echo in") == b"in\n"
        assert len(relay.connections) == 2


def test_the_deadline_ends_an_agent_that_hangs(sshd, tmp_path, monkeypatch):
    """An agent that never answers is over at the host's deadline."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    with socket.socket(socket.AF_UNIX) as server, within(2):
        server.bind(str(tmp_path / "agent"))
        server.listen()
        error = failure(host_of(sshd, tmp_path), deadline_s=0.4)

    assert verdict(error) == ("timeout", "deadline")


def test_options_stand_in_for_what_a_host_does_not_say(sshd, tmp_path):
    """User, key and known hosts of the command line are those of hosts without their own."""
    host = host_of(sshd, tmp_path)
    bare = host_of(sshd, tmp_path, user=None, identity_file=None, known_hosts=None)
    options = Options(user="nobody-at-all", identity_file=host.identity_file)

    error = failure(bare, **{f: getattr(options, f) for f in ("user", "identity_file")})

    assert verdict(error) == ("host-key", "host-key-unknown")
    error = failure(bare, known_hosts=host.known_hosts, user="nobody-at-all")
    assert "'nobody-at-all'" in error.message


def test_keys_are_offered_in_the_order_of_ssh(sshd, tmp_path, keys, agent):
    """Certificates, the agent's keys that files name, its others, and then the other files."""
    for path in (*strangers(tmp_path, 2), sshd.identity("id_locked_open")):
        if not Path(path).exists():
            make_key(Path(path))
        agent(path)
    certified = certify(keys, tmp_path / "mine", "root")
    files = (sshd.identity("id_good"), certified, sshd.identity("id_locked_open"))
    settings = settings_for(host_of(sshd, tmp_path, identity_file=None), Options())

    assert offers(settings, default_identities=files) == [
        "mine-cert.pub",
        "id_locked_open",
        "stranger_0 (agent)",
        "stranger_1 (agent)",
        "id_good",
    ]


def test_identities_only_leaves_the_other_keys_of_the_agent_out(sshd, tmp_path, agent):
    """With IdentitiesOnly the agent signs for the keys that files name, and for no others."""
    for path in (*strangers(tmp_path, 7), sshd.identity()):
        agent(path)
    settings = settings_for(host_of(sshd, tmp_path, identity_file=None), Options())
    files = (sshd.identity("id_good.pub"),)

    assert offers(settings, default_identities=files, identities_only=True) == ["id_good (agent)"]
    assert offers(settings, default_identities=(), identities_only=True) == []
    assert len(offers(settings, default_identities=files)) == 5


def test_a_host_with_few_tries_lets_in_after_eight_wrong_keys(start_sshd, tmp_path, agent):
    """Eight keys of an agent do not use the tries up that the right key needs."""
    strict = start_sshd("MaxAuthTries 3")
    for path in (*strangers(tmp_path, 8), strict.identity()):
        agent(path)
    host = host_of(strict, tmp_path, identity_file=strict.identity("id_good.pub"))

    assert run(host, "echo in") == b"in\n"
