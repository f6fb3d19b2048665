"""Who a host is, as real servers show it."""

from __future__ import annotations

import paramiko
import pytest
from paramiko.transport import Transport as Paramiko

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.transport import Deadline, Options, connect, sharing
from preflight.transport.hostkeys.identity import Identity
from preflight.transport.hostkeys.offer import Offer
from preflight.transport.hostkeys.remarks import UNVERIFIED
from tests.transport.asking import failure, output, verdict
from tests.transport.conftest import host_of
from tests.transport.hostkeys import material
from tests.transport.hostkeys.material import key, line
from tests.transport.hostkeys.servers import meet, server, settings, ssh
from tests.transport.hostkeys.servers import verdict as state_or_cause
from tests.transport.scripted import Rules, host_at, speaking_ssh


@pytest.fixture
def served(keys):
    """Yield a server with one key."""
    with server(keys, f"HostKey {keys}/host_ed25519") as made:
        yield made


USABLE = Paramiko._preferred_keys


def identity(tmp_path, *lines: str, **changes: object) -> Identity:
    """Return who the host "web" has to be where the file has these lines."""
    (tmp_path / "known").write_text("".join(f"{one}\n" for one in lines))
    return Identity(material.settings(22, tmp_path / "known", **changes), Deadline.after(20))


@pytest.mark.parametrize("checking", ["yes", "accept-new", "no"])
def test_a_key_changes_between_two_connections(served, tmp_path, checking):
    """The host that was let in before is refused with another key, unless nothing is verified."""
    keys, known = served.directory, tmp_path / "known"
    known.write_text(f"{served.name} {(keys / 'host_ed25519.pub').read_text()}")
    ours = {"yes": "strict", "no": "off"}.get(checking, checking)
    who = settings(served, known, host_keys=ours)
    before = state_or_cause(who)

    served.show(f"HostKey {keys}/id_stranger")

    off = ours == "off"
    assert before == ("not-verified" if off else "verified")
    assert state_or_cause(who) == ("not-verified" if off else "host-key-changed")
    assert ssh(served, known, keys / "id_good", f"StrictHostKeyChecking={checking}") == off


@pytest.mark.parametrize(
    ("shown", "algorithm"),
    [("ed25519", "ssh-ed25519"), ("ecdsa", "ecdsa-sha2-nistp256"), ("rsa", "rsa-sha2-512")],
)
def test_the_recorded_type_is_agreed_on(keys, tmp_path, shown, algorithm):
    """Of three keys of a host, the one that is recorded is asked for; RSA without SHA-1."""
    kinds = ("ed25519", "ecdsa", "rsa")
    with server(keys, *(f"HostKey {keys}/host_{kind}" for kind in kinds)) as served:
        known = tmp_path / "known"
        known.write_text(f"{served.name} {(keys / f'host_{shown}.pub').read_text()}")
        who = settings(served, known)

        assert meet(who).state == "verified"
        assert Identity(who, Deadline.after(1)).algorithms(USABLE)[0] == algorithm


def test_all_recorded_types_come_before_others(tmp_path):
    """Every type that is recorded is asked for before any other, in our own order."""
    one = identity(
        tmp_path, line("web", key(1, "ssh-rsa")), line("web", key(1, "ecdsa-sha2-nistp384"))
    )

    assert one.algorithms(USABLE) == (
        *("ecdsa-sha2-nistp384", "rsa-sha2-512", "rsa-sha2-256"),
        *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521"),
    )


def test_a_type_that_cannot_be_used_is_not_asked_for(tmp_path):
    """A security key that is recorded adds nothing to what is asked for."""
    one = identity(tmp_path, line("web", key(1, "sk-ssh-ed25519@openssh.com")))

    assert one.algorithms(USABLE) == USABLE


def test_certificates_come_first_where_an_authority_is_recorded(tmp_path):
    """Where an authority is recorded, certificates of all types are asked for before all."""
    one = identity(tmp_path, line("w*", key(1), "@cert-authority"))

    asked = one.algorithms(USABLE)

    assert [name.endswith("-cert-v01@openssh.com") for name in asked] == [True] * 6 + [False] * 6


def test_the_configured_algorithms_bound_what_is_asked_for(tmp_path):
    """HostKeyAlgorithms says what may be asked for, and what is known comes first still."""
    wanted = ("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", "ssh-rsa", "rsa-sha2-256")
    one = identity(tmp_path, line("web", key(1, "ssh-rsa")), host_key_algorithms=wanted)

    assert one.algorithms(USABLE) == ("rsa-sha2-256", "ssh-ed25519")


def test_no_common_algorithm_is_said(keys, tmp_path):
    """A host without any key of the configured types is told so."""
    with server(keys, f"HostKey {keys}/host_ed25519") as served:
        who = settings(served, tmp_path / "known", host_key_algorithms=("rsa-sha2-512",))

        with pytest.raises(TransportError) as caught:
            meet(who)

    assert verdict(caught.value) == ("error", "algorithms-incompatible")


def test_off_warns_and_refuses_what_is_revoked(tmp_path):
    """With off every key passes but a revoked one, and it is said that nothing was verified."""
    one = identity(tmp_path, line("web", key(1)), line("*", key(3), "@revoked"), host_keys="off")

    one.verify(Offer(key(2)))
    with pytest.raises(TransportError) as caught:
        one.verify(Offer(key(3)))

    assert (one.state, one.warnings) == ("not-verified", (UNVERIFIED,))
    assert caught.value.cause == "host-key-revoked"


def test_off_writes_nothing(keys, tmp_path):
    """With off no key is recorded, for nobody has looked at it."""
    with server(keys, f"HostKey {keys}/host_ed25519") as served:
        meet(settings(served, tmp_path / "known", host_keys="off"))

    assert not (tmp_path / "known").exists()


def test_another_type_than_was_agreed_on_is_refused(keys, monkeypatch):
    """A host that answers with a key of another type than it agreed to has lied."""
    ed25519 = paramiko.Ed25519Key.from_private_key_file(str(keys / "host_ed25519"))
    ecdsa = paramiko.ECDSAKey.from_private_key_file(str(keys / "host_ecdsa"))
    monkeypatch.setattr(paramiko.Transport, "get_server_key", lambda _: ecdsa)
    with speaking_ssh(ed25519, Rules) as port:
        error = failure(host_at(port), host_keys="off")

    assert verdict(error) == ("error", "protocol")
    assert "ecdsa-sha2-nistp256 where ssh-ed25519 was agreed on" in error.message


def test_another_signature_than_was_agreed_on_is_refused(keys, monkeypatch):
    """A host that agreed to SHA-512 may not sign with another hash."""
    rsa = paramiko.RSAKey.from_private_key_file(str(keys / "host_rsa"))
    sign = paramiko.RSAKey.sign_ssh_data
    monkeypatch.setattr(
        paramiko.RSAKey, "sign_ssh_data", lambda key, data, _: sign(key, data, "rsa-sha2-256")
    )
    with speaking_ssh(rsa, Rules) as port:
        error = failure(host_at(port), host_keys="off")

    assert verdict(error) == ("error", "protocol")
    assert "a signature of another type than rsa-sha2-512" in error.message


def test_a_host_is_verified_at_each_key_exchange(host):
    """A connection that makes new keys is verified again, and goes on."""
    with connect(host, Options(), Deadline.after(20)) as session:
        session.link.transport.renegotiate_keys()

        assert output(session.start("echo in")) == b"in\n"
        assert session.host_key == "verified"


@pytest.fixture
def chain(start_sshd, tmp_path, monkeypatch):
    """Return a function that makes a host behind two jump hosts, known by files of a label."""
    monkeypatch.setattr(sharing, "IDLE_S", 0.2)
    servers = {name: start_sshd() for name in CHAIN}

    def make(label: str) -> Host:
        host = None
        for name in CHAIN:
            known = str(tmp_path / f"{label}_{name}")
            host = host_of(servers[name], tmp_path, name=name, known_hosts=known, gateway=host)
        return host

    return make


CHAIN = ("outer", "inner", "target")


def test_every_host_of_a_chain_is_recorded_and_verified(chain, tmp_path):
    """Jump hosts record their keys as the target does, and are verified by them."""
    host = chain("known")

    with connect(host, Options(host_keys="accept-new"), Deadline.after(20)) as session:
        assert session.host_key == "accepted-new"
        assert session.warnings == tuple(
            f"{tmp_path}/known_{name}: new host keys were recorded" for name in reversed(CHAIN)
        )
    with connect(host, Options(), Deadline.after(20)) as session:
        assert output(session.start("echo in")) == b"in\n"
        assert session.host_key == "verified"
        assert session.warnings == ()


@pytest.mark.parametrize("changed", CHAIN)
def test_no_host_of_a_chain_may_change(chain, tmp_path, changed):
    """Whichever host of a chain has another key than the recorded one, it is refused and named."""
    with connect(chain("known"), Options(host_keys="accept-new"), Deadline.after(20)):
        pass
    known = tmp_path / f"known_{changed}"
    known.write_text(line(known.read_text().split()[0], key(1)) + "\n")

    error = failure(chain("known"))

    assert error.status == "host-key"
    assert f"{known}:1" in error.message
