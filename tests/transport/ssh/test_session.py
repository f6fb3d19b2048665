"""SSH sessions with a real sshd."""

from __future__ import annotations

import os
import subprocess

import pytest

from preflight.transport import Deadline, Options, connect
from tests.transport.asking import failure, run, verdict
from tests.transport.conftest import host_of, make_key


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_the_recorded_type_of_key_is_asked_for(sshd, tmp_path, kind):
    """A host with keys of three types is known by whichever of them is recorded."""
    known = sshd.known_hosts(tmp_path / "known", kind)

    assert run(host_of(sshd, tmp_path, known_hosts=known), "echo in") == b"in\n"


def test_all_recorded_types_are_asked_for_before_others(sshd, tmp_path):
    """A host that gave up the first of its recorded types is known by the second."""
    make_key(tmp_path / "former", "ecdsa", "-b521")
    former = (tmp_path / "former.pub").read_text()
    known = tmp_path / "known"
    sshd.known_hosts(known, "rsa")
    known.write_text(f"[127.0.0.1]:{sshd.port} {former}{known.read_text()}")

    assert run(host_of(sshd, tmp_path, known_hosts=str(known)), "echo in") == b"in\n"


def test_curve25519_has_two_names(start_sshd, tmp_path):
    """A server that knows the key exchange by the name of RFC 8731 alone is reached."""
    hardened = start_sshd("KexAlgorithms curve25519-sha256")

    assert run(host_of(hardened, tmp_path), "echo in") == b"in\n"


def test_a_hashed_name_is_known(sshd, tmp_path):
    """A name that ssh-keygen hashed is found."""
    known = sshd.known_hosts(tmp_path / "known")
    subprocess.run(["ssh-keygen", "-H", "-f", known], check=True, capture_output=True)

    assert "|1|" in (tmp_path / "known").read_text()
    assert run(host_of(sshd, tmp_path, known_hosts=known), "echo in") == b"in\n"


def test_an_unknown_key_is_refused_before_any_log_in(sshd, tmp_path):
    """A host of which nothing is recorded is refused, with its fingerprint."""
    (tmp_path / "empty").touch()
    host = host_of(sshd, tmp_path, known_hosts=str(tmp_path / "empty"))

    error = failure(host)

    assert verdict(error) == ("host-key", "host-key-unknown")
    assert "SHA256:" in error.message
    assert str(tmp_path / "empty") in error.message


def test_a_changed_key_is_refused_with_its_place(sshd, tmp_path):
    """A host with another key than the recorded one is refused, with the line that says so."""
    stranger = (sshd.directory / "id_stranger.pub").read_text()
    (tmp_path / "known").write_text(f"# a comment\n[127.0.0.1]:{sshd.port} {stranger}")

    error = failure(host_of(sshd, tmp_path, known_hosts=str(tmp_path / "known")))

    assert verdict(error) == ("host-key", "host-key-changed")
    assert f"{tmp_path}/known:2" in error.message
    assert error.message.count("SHA256:") == 2


def test_a_bad_line_warns_and_loses_nothing(sshd, tmp_path):
    """A line that is not valid becomes a warning of the session; the others still count."""
    known = sshd.known_hosts(tmp_path / "known")
    (tmp_path / "known").write_text("nonsense\n" + (tmp_path / "known").read_text())

    with connect(
        host_of(sshd, tmp_path, known_hosts=known), Options(), Deadline.after(20)
    ) as session:
        assert session.warnings == (f"{known}:1: not 'names type key'",)


def test_the_default_files_are_those_of_the_home_directory(sshd, tmp_path):
    """Without any setting or configuration, ~/.ssh has the known hosts and the keys."""
    (tmp_path / ".ssh").mkdir()
    sshd.known_hosts(tmp_path / ".ssh/known_hosts")
    os.link(sshd.identity(), tmp_path / ".ssh/id_ed25519")
    host = host_of(sshd, tmp_path, known_hosts=None, identity_file=None)

    assert run(host, "echo in", ssh_config="none") == b"in\n"


def test_a_refused_key_is_named(sshd, tmp_path):
    """A key that the host does not accept is named, with the methods that it would."""
    error = failure(host_of(sshd, tmp_path, identity_file=sshd.identity("id_stranger")))

    assert verdict(error) == ("auth-failed", "auth-refused")
    assert "id_stranger" in error.message
    assert "SHA256:" in error.message
    assert "publickey, password" in error.message


def test_nothing_to_offer_is_said(sshd, tmp_path):
    """Without any key, the host's methods are named."""
    error = failure(host_of(sshd, tmp_path, identity_file=None))

    assert verdict(error) == ("auth-failed", "no-credential")
    assert "publickey, password" in error.message


def test_a_host_that_wants_two_factors_is_refused(start_sshd, tmp_path):
    """A key that is only the first factor does not count as a log-in."""
    error = failure(host_of(start_sshd("AuthenticationMethods publickey,password"), tmp_path))

    assert verdict(error) == ("auth-failed", "auth-refused")
    assert "accepted, but not enough" in error.message


def test_too_many_keys_are_told_from_a_lost_connection(start_sshd, tmp_path):
    """A host that hangs up for too many refused keys has refused them."""
    sshd = start_sshd("MaxAuthTries 1")
    error = failure(host_of(sshd, tmp_path, identity_file=sshd.identity("id_stranger")))

    assert verdict(error) == ("auth-failed", "auth-refused")


def test_no_common_cipher_is_said_with_both_lists(start_sshd, tmp_path):
    """A host with none of our ciphers is told by name, and so are ours."""
    error = failure(host_of(start_sshd("Ciphers chacha20-poly1305@openssh.com"), tmp_path))

    assert verdict(error) == ("error", "algorithms-incompatible")
    assert "chacha20-poly1305@openssh.com" in error.message
    assert "aes128-ctr" in error.message


def test_a_key_that_was_made_anew_is_read_anew(sshd, tmp_path):
    """A key file that changed during a run is not remembered as it was."""
    make_key(tmp_path / "id")
    host = host_of(sshd, tmp_path, identity_file=str(tmp_path / "id"))
    assert verdict(failure(host)) == ("auth-failed", "auth-refused")

    (tmp_path / "id").unlink()
    os.link(sshd.identity(), tmp_path / "id")

    assert run(host, "echo in") == b"in\n"
