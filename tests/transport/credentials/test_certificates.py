"""OpenSSH certificates of users: with a real authority, sshd and agent."""

from __future__ import annotations

import getpass
import shutil

import pytest

from preflight.transport import Options
from preflight.transport.settings import settings_for
from tests.transport.asking import failure, run, verdict
from tests.transport.conftest import host_of, make_key
from tests.transport.credentials.identities import certify, offers

ME = getpass.getuser()


@pytest.fixture(scope="session")
def trusting(start_sshd, keys):
    """Return a sshd that trusts whom the test's authority vouches for."""
    if not (keys / "authority").exists():
        make_key(keys / "authority")
    return start_sshd(f"TrustedUserCAKeys {keys}/authority.pub")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certificate_beside_a_key_logs_in(trusting, tmp_path, kind):
    """A host that knows only the authority lets the key's certificate in."""
    key = certify(trusting.directory, tmp_path / "id", ME, kind=kind)

    assert run(host_of(trusting, tmp_path, identity_file=key), "echo in") == b"in\n"


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_certificate_of_the_agent_logs_in(trusting, tmp_path, agent, kind):
    """A certificate that only the agent has is offered, and the agent signs for it."""
    agent(certify(trusting.directory, tmp_path / "id", ME, kind=kind))
    for name in ("id", "id-cert.pub"):
        (tmp_path / name).unlink()
    host = host_of(trusting, tmp_path, identity_file=f"{tmp_path}/id.pub")

    assert run(host, "echo in") == b"in\n"


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_the_agent_signs_for_the_certificate_of_a_file(trusting, tmp_path, agent, kind):
    """A certificate may lie in a file while the agent has nothing but its key."""
    certify(trusting.directory, tmp_path / "id", ME, kind=kind)
    shutil.copy(tmp_path / "id", tmp_path / "alone")
    agent(tmp_path / "alone")
    (tmp_path / "id").unlink()
    host = host_of(trusting, tmp_path, identity_file=f"{tmp_path}/id.pub")

    assert run(host, "echo in") == b"in\n"


@pytest.mark.parametrize(
    ("principals", "validity", "flaw"),
    [([ME], "-2d:-1d", "(expired on 20"), (["app", "www"], "-1d:+1d", "(for app, www)")],
)
def test_a_refused_certificate_is_named_with_its_flaw(
    trusting, tmp_path, principals, validity, flaw
):
    """A certificate that is over, or for somebody else, is the reason to look at first."""
    key = certify(trusting.directory, tmp_path / "id", *principals, validity=validity)

    error = failure(host_of(trusting, tmp_path, identity_file=key))

    assert verdict(error) == ("auth-failed", "auth-refused")
    assert f"id-cert.pub {flaw}" in error.message


def test_a_certificate_that_was_asked_for_replaces_those_beside(sshd, tmp_path, keys):
    """CertificateFile wins over the certificates beside the keys; it needs its key."""
    one, other = (certify(keys, tmp_path / name, ME) for name in ("one", "other"))
    settings = settings_for(host_of(sshd, tmp_path, identity_file=one), Options())
    for source in ("one", "other"):
        shutil.copy(tmp_path / f"{source}-cert.pub", tmp_path / f"of_{source}")

    assert offers(settings) == ["one-cert.pub", "one"]
    assert offers(settings, certificate_files=(f"{tmp_path}/of_one",)) == ["of_one", "one"]
    assert offers(settings, certificate_files=(f"{tmp_path}/of_other",)) == ["one"]
    assert offers(settings, certificate_files=(other,)) == ["one"]
