"""The file of RevokedHostKeys, beside what ssh and ssh-keygen -Q say of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from preflight.errors import TransportError
from preflight.transport.hostkeys.certificate import SUFFIX, read_certificate
from preflight.transport.hostkeys.key import read_key
from preflight.transport.hostkeys.offer import Offer
from preflight.transport.hostkeys.revoked import refuse_revoked
from tests.transport.conftest import make_key
from tests.transport.hostkeys.servers import server, settings, ssh, verdict


@pytest.fixture(scope="module")
def offers(tmp_path_factory) -> dict[str, Path]:
    """Return the files of two keys, and of certificates by two authorities, serials 0 to 40."""
    directory = tmp_path_factory.mktemp("offers")
    for name in ("ca", "other_ca", "key", "other_key"):
        make_key(directory / name)
    found = {name: directory / f"{name}.pub" for name in ("key", "other_key")}
    for serial in range(41):
        for authority in ("ca", "other_ca"):
            name = f"{authority}_{serial}"
            shutil.copy(directory / "key.pub", directory / f"{name}.pub")
            public = directory / f"{name}.pub"
            sign = ["ssh-keygen", "-q", "-s", directory / authority, "-h", "-I", f"host {serial}"]
            subprocess.run([*sign, "-z", str(serial), public], check=True)
            found[name] = directory / f"{name}-cert.pub"
    return found


def offer_of(path: Path) -> Offer:
    """Return what a host with this key or certificate shows."""
    words = path.read_bytes().split()
    key = read_key(words[0], words[1])
    if not key.type.endswith(SUFFIX):
        return Offer(key)
    certificate = read_certificate(key.blob)
    return Offer(certificate.key, certificate)


def cause(path: Path, shown: Path) -> str | None:
    """Return why the file refuses a host that shows a key, None where it does not."""
    try:
        refuse_revoked(str(path), offer_of(shown))
    except TransportError as error:
        return error.cause
    return None


def make_list(path: Path, offers: dict[str, Path], specification: str, *more: object) -> Path:
    """Have ssh-keygen make a revocation list."""
    rules = path.with_suffix(".rules")
    rules.write_text(specification.format(directory=offers["key"].parent))
    command = ["ssh-keygen", "-q", "-k", "-f", path, "-s", offers["key"].parent / "ca.pub"]
    subprocess.run([*command, *more, rules], check=True)
    return path


def revoked_by_ssh_keygen(path: Path, offers: dict[str, Path]) -> set[str]:
    """Return the names of those that ssh-keygen -Q calls revoked."""
    command = ["ssh-keygen", "-Q", "-f", path, *offers.values()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.endswith(("REVOKED", "ok"))]
    assert len(lines) == len(offers)
    return {name for name, line in zip(offers, lines, strict=True) if line.endswith("REVOKED")}


SPECIFICATIONS = {
    "nothing": "",
    "one serial": "serial: 7\n",
    "several serials": "serial: 1\nserial: 9\nserial: 30\n",
    "a range": "serial: 10-20\n",
    "a long range": "serial: 10-100000000\n",
    "a bitmap": "".join(f"serial: {n}\n" for n in (1, 3, 4, 6, 7, 9, 11, 12, 15, 17, 18, 20, 22)),
    "a key id": "id: host 5\nid: host 0\n",
}


@pytest.mark.parametrize("what", SPECIFICATIONS)
def test_certificates_are_revoked_as_ssh_keygen_says(offers, tmp_path, what):
    """Serials, ranges, bitmaps and ids of one authority revoke its certificates alone."""
    path = make_list(tmp_path / "list", offers, SPECIFICATIONS[what])

    ours = {name for name, file in offers.items() if cause(path, file)}

    assert ours == revoked_by_ssh_keygen(path, offers)
    assert bool(ours) == (what != "nothing")


def test_certificates_of_any_authority_are_revoked(offers, tmp_path):
    """A list without an authority revokes the certificates of all."""
    path = make_list(tmp_path / "list", offers, "id: host 5\n", "-s", "none")

    ours = {name for name, file in offers.items() if cause(path, file)}

    assert ours == revoked_by_ssh_keygen(path, offers) == {"ca_5", "other_ca_5"}


@pytest.mark.parametrize("how", ["key", "sha1", "sha256"])
def test_keys_are_revoked_as_ssh_keygen_says(offers, tmp_path, how):
    """A key is revoked by itself or by its hash, and with it its certificates."""
    public = offers["key"].read_text()
    path = make_list(tmp_path / "list", offers, f"{how}: {public}")

    ours = {name for name, file in offers.items() if cause(path, file)}

    assert ours == revoked_by_ssh_keygen(path, offers) == offers.keys() - {"other_key"}


def test_a_revoked_authority_revokes_its_certificates(offers, tmp_path):
    """A list that names an authority's own key revokes all that it has certified."""
    public = (offers["key"].parent / "ca.pub").read_text()
    path = make_list(tmp_path / "list", offers, f"key: {public}")

    ours = {name for name, file in offers.items() if cause(path, file)}

    assert ours == revoked_by_ssh_keygen(path, offers)
    assert {name.rpartition("_")[0] for name in ours} == {"ca"}


def test_a_list_of_keys_revokes_keys_and_authorities(offers, tmp_path):
    """A text file has one key a line, of a host or of an authority, with comments between."""
    authority = (offers["key"].parent / "other_ca.pub").read_text()
    (tmp_path / "keys").write_text(f"# gone\n\n{offers['other_key'].read_text()}  {authority}")

    assert cause(tmp_path / "keys", offers["other_key"]) == "host-key-revoked"
    assert cause(tmp_path / "keys", offers["other_ca_3"]) == "host-key-revoked"
    assert cause(tmp_path / "keys", offers["ca_3"]) is None


def test_a_file_that_cannot_be_read_trusts_nobody(offers, tmp_path):
    """A file that is absent, or not a list of keys, refuses every host, as for ssh."""
    (tmp_path / "odd").write_text("ssh-ed25519 AAAA\n")
    (tmp_path / "list").write_bytes(b"SSHKRL\n\0" + bytes(3))

    for name in ("absent", "odd", "list"):
        assert cause(tmp_path / name, offers["key"]) == "revoked-keys-unreadable"


def test_a_list_with_more_than_we_know_is_refused(offers, tmp_path):
    """A section of an unknown kind could revoke anything, and so could one that is cut off."""
    path = make_list(tmp_path / "list", offers, "serial: 7\n")
    good = path.read_bytes()
    assert cause(path, offers["key"]) is None

    for tail in (b"\x04" + bytes(4), b"\x63" + bytes(4), b"\x02\0\0\0\x09", b"\x05\0\0\0\x01x"):
        path.write_bytes(good + tail)
        assert cause(path, offers["key"]) == "revoked-keys-unreadable"


@pytest.mark.parametrize("form", ["text", "list"])
@pytest.mark.parametrize("checking", ["strict", "off"])
def test_a_host_that_is_revoked_is_refused(keys, offers, tmp_path, form, checking):
    """A host whose recorded key is in the file is refused, whatever is checked else."""
    public = (keys / "host_ed25519.pub").read_text()
    (tmp_path / "revoked").write_text(public)
    if form == "list":
        make_list(tmp_path / "revoked", offers, f"key: {public}")
    with server(keys, f"HostKey {keys}/host_ed25519") as served:
        known = tmp_path / "known"
        known.write_text(f"{served.name} {public}")
        revoking = settings(
            served, known, host_keys=checking, revoked_host_keys=str(tmp_path / "revoked")
        )

        assert verdict(settings(served, known)) == "verified"
        assert verdict(revoking) == "host-key-revoked"
        assert not ssh(served, known, keys / "id_good", f"RevokedHostKeys={tmp_path}/revoked")
