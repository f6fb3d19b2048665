"""Host certificates, made by ssh-keygen, shown by sshd, and what ssh says of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from preflight.transport.hostkeys.certificate import read_certificate
from preflight.transport.hostkeys.key import PublicKey, key_of, read_key
from preflight.transport.hostkeys.wire import string
from tests.transport.conftest import ADDRESS, make_key
from tests.transport.hostkeys.servers import meet, server, settings, ssh, verdict

KINDS = ("ed25519", "ecdsa", "rsa")
GOOD = f"-h -n {ADDRESS}"


@pytest.fixture(scope="module")
def authorities(tmp_path_factory) -> Path:
    """Return a directory of authorities' keys."""
    directory = tmp_path_factory.mktemp("authorities")
    for kind in KINDS:
        make_key(directory / kind, kind)
    make_key(directory / "stranger")
    return directory


@pytest.fixture
def host(keys, authorities, tmp_path):
    """Return a function that serves a host with a certificate."""

    def serve(how: str, *, authority: str = "ed25519", kind: str = "ed25519"):
        public = certify(keys, tmp_path, authorities / authority, how, kind)
        return server(
            keys, f"HostKey {public.with_suffix('')}", f"HostCertificate {cert_of(public)}"
        )

    return serve


def certify(keys: Path, directory: Path, authority: Path, how: str, kind: str) -> Path:
    """Copy a host's key, have *authority* certify it, and return the public key's path."""
    for name in (f"host_{kind}", f"host_{kind}.pub"):
        shutil.copy(keys / name, directory / name)
    public = directory / f"host_{kind}.pub"
    command = ["ssh-keygen", "-q", "-s", authority, "-I", "a host", *how.split(), public]
    subprocess.run(command, check=True)
    return public


def cert_of(public: Path) -> Path:
    """Return where ssh-keygen puts the certificate of a key."""
    return public.with_name(f"{public.stem}-cert.pub")


def blob_of(path: Path) -> bytes:
    """Return the bytes of a key or certificate file."""
    words = path.read_bytes().split()
    return read_key(words[0], words[1]).blob


def trust(path: Path, name: str, authority: Path, *more: str) -> Path:
    """Record an authority, and return the file."""
    public = authority.with_name(f"{authority.name}.pub").read_text()
    path.write_text("".join((f"@cert-authority {name} {public}", *more)))
    return path


HOWS = {
    "good": (GOOD, "verified"),
    "for several names": (f"-h -n other,{ADDRESS}", "verified"),
    "for any name": ("-h", "verified"),
    "with an extension": (f"{GOOD} -O extension:odd=1", "verified"),
    "for another name": ("-h -n other", "host-key-certificate"),
    "for a pattern": ("-h -n 127.0.0.*", "host-key-certificate"),
    "expired": (f"{GOOD} -V -2d:-1d", "host-key-certificate"),
    "not yet valid": (f"{GOOD} -V +1d:+2d", "host-key-certificate"),
    "for users": (f"-n {ADDRESS}", "host-key-certificate"),
    "with a critical option": (f"{GOOD} -O critical:odd=1", "host-key-certificate"),
}


@pytest.mark.parametrize("how", HOWS)
def test_a_certificate_counts_where_it_does_for_ssh(host, keys, authorities, tmp_path, how):
    """A certificate is checked as ssh checks it; where it does not hold, the cause says so."""
    options, expected = HOWS[how]
    with host(options) as served:
        known = trust(tmp_path / "known", served.name, authorities / "ed25519")

        assert verdict(settings(served, known)) == expected
        assert ssh(served, known, keys / "id_good") == (expected == "verified")


@pytest.mark.parametrize("how", HOWS)
def test_accept_new_takes_a_certificate_as_ssh_does(host, keys, authorities, tmp_path, how):
    """Where a certificate does not hold, ssh takes the plain key for a new one: so do we."""
    options, expected = HOWS[how]
    with host(options) as served:
        ours = trust(tmp_path / "ours", served.name, authorities / "ed25519")
        theirs = trust(tmp_path / "theirs", served.name, authorities / "ed25519")

        state = verdict(settings(served, ours, host_keys="accept-new"))
        assert ssh(served, theirs, keys / "id_good", "StrictHostKeyChecking=accept-new")

    assert state == ("verified" if expected == "verified" else "accepted-new")
    assert ours.read_text() == theirs.read_text()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("authority", KINDS)
def test_keys_and_authorities_of_every_type(host, authorities, tmp_path, kind, authority):
    """A certificate of each type of key, by an authority of each type, proves the host."""
    with host(GOOD, authority=authority, kind=kind) as served:
        known = trust(tmp_path / "known", served.name, authorities / authority)

        assert verdict(settings(served, known)) == "verified"


def test_a_signature_with_sha1_is_refused(host, keys, authorities, tmp_path):
    """An authority that still signs with SHA-1 is not honoured, as CASignatureAlgorithms has it."""
    with host(f"{GOOD} -t ssh-rsa", authority="rsa") as served:
        known = trust(tmp_path / "known", served.name, authorities / "rsa")

        assert verdict(settings(served, known)) == "host-key-certificate"
        assert not ssh(served, known, keys / "id_good")


def test_the_certificate_of_another_authority_proves_nothing(host, keys, authorities, tmp_path):
    """An authority that is not recorded is told from the one that is."""
    with host(GOOD, authority="stranger") as served:
        known = trust(tmp_path / "known", served.name, authorities / "ed25519")

        assert verdict(settings(served, known)) == "host-key-unknown"
        assert not ssh(served, known, keys / "id_good")


@pytest.mark.parametrize("checking", ["strict", "accept-new", "off"])
def test_a_revoked_key_is_refused(host, keys, authorities, tmp_path, checking):
    """A certificate is worth nothing once its key, or its authority's, is revoked."""
    authority = authorities / "ed25519"
    with host(GOOD) as served:
        for revoked in (keys / "host_ed25519.pub", authorities / "ed25519.pub"):
            line = f"@revoked * {revoked.read_text()}"
            known = trust(tmp_path / "known", served.name, authority, line)

            assert verdict(settings(served, known, host_keys=checking)) == "host-key-revoked"
            assert not ssh(served, known, keys / "id_good")


def test_an_authority_of_the_plain_name_counts_for_other_ports(host, keys, authorities, tmp_path):
    """As plain keys do, an authority counts without the port where none is recorded with it."""
    with host(GOOD) as served:
        known = trust(tmp_path / "known", ADDRESS, authorities / "ed25519")

        assert verdict(settings(served, known)) == "verified"
        assert ssh(served, known, keys / "id_good")


def test_an_alias_is_the_name_in_the_certificate(host, keys, authorities, tmp_path):
    """With HostKeyAlias, the certificate has to name the alias."""
    with host("-h -n fleet") as served:
        known = trust(tmp_path / "known", "fleet", authorities / "ed25519")

        assert verdict(settings(served, known, host_key_alias="fleet")) == "verified"
        assert ssh(served, known, keys / "id_good", "HostKeyAlias=fleet")


def test_a_recorded_key_counts_beside_a_bad_certificate(host, keys, authorities, tmp_path):
    """A host whose certificate has expired is still known by its key."""
    plain = (keys / "host_ed25519.pub").read_text()
    with host(f"{GOOD} -V -2d:-1d") as served:
        known = trust(
            tmp_path / "known", served.name, authorities / "ed25519", f"{served.name} {plain}"
        )

        assert verdict(settings(served, known)) == "verified"
        assert ssh(served, known, keys / "id_good")


def test_the_reason_says_what_is_wrong(host, authorities, tmp_path):
    """An expired certificate is told with its authority's place and its end."""
    with host(f"{GOOD} -V 20200101Z:20200102Z") as served:
        known = trust(tmp_path / "known", served.name, authorities / "ed25519")

        with pytest.raises(Exception, match="expired at 2020-01-02T00:00:00Z") as caught:
            meet(settings(served, known))

    assert f"the authority of {known}:1" in caught.value.message


def test_no_certificate_is_asked_for_without_an_authority(host, keys, tmp_path):
    """A host of which only the key is recorded is asked for that key."""
    with host(GOOD) as served:
        known = tmp_path / "known"
        known.write_text(f"{served.name} {(keys / 'host_ed25519.pub').read_text()}")
        identity = meet(settings(served, known))

    assert identity.state == "verified"
    assert not [name for name in identity.algorithms(["ssh-ed25519"]) if "cert" in name]


@pytest.fixture
def certificate(keys, authorities, tmp_path) -> bytes:
    """Return the bytes of a good certificate."""
    return blob_of(cert_of(certify(keys, tmp_path, authorities / "ed25519", GOOD, "ed25519")))


def test_a_certificate_says_what_ssh_keygen_put_into_it(certificate, keys, authorities):
    """Every claim is read."""
    read = read_certificate(certificate)

    assert read.key == key_of(blob_of(keys / "host_ed25519.pub"))
    assert read.authority == key_of(blob_of(authorities / "ed25519.pub"))
    assert (read.key_id, read.principals, read.serial) == (b"a host", (ADDRESS,), 0)
    assert read.fault(ADDRESS, 1e9) is None


def test_no_changed_byte_goes_unnoticed(certificate):
    """A certificate with any byte changed is malformed or forged, or not by that authority."""
    good = read_certificate(certificate)
    for place in range(len(certificate)):
        changed = bytearray(certificate)
        changed[place] ^= 1
        try:
            read = read_certificate(bytes(changed))
        except ValueError:
            continue
        assert read.fault(ADDRESS, 1e9) or read.authority != good.authority


@pytest.mark.parametrize("size", range(0, 300, 7))
def test_a_certificate_that_is_cut_off_is_none(certificate, size):
    """The beginning of a certificate is no certificate, and neither is more than one."""
    with pytest.raises(ValueError, match=r"."):
        read_certificate(certificate[:size])
    with pytest.raises(ValueError, match="something follows"):
        read_certificate(certificate + b"x")


def test_the_ends_of_validity_are_those_of_ssh(certificate):
    """The first second counts, the last does not.  Source: sshkey_cert_check_authority()."""
    read = structs.replace(read_certificate(certificate), valid_after_s=100, valid_before_s=200)

    assert [bool(read.fault(ADDRESS, now)) for now in (99, 100, 199.9, 200)] == [
        *(True, False, False, True)
    ]


def test_a_signature_by_a_security_key_is_not_taken(certificate):
    """A signature that cannot be verified here does not count."""
    token = "sk-ssh-ed25519@openssh.com"
    authority = PublicKey(token, string(token.encode()))
    read = structs.replace(read_certificate(certificate), authority=authority, signature_type=token)

    assert "not allowed" in read.fault(ADDRESS, 1e9)
