"""Key files that a passphrase opens."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import ssh as openssh_format

from preflight.transport import Options
from preflight.transport.credentials import agent as agents
from preflight.transport.credentials.files import read_key_file
from preflight.transport.credentials.locked import locked_keys
from preflight.transport.credentials.secret import Secret, Secrets
from tests.transport.asking import failure, run, verdict
from tests.transport.conftest import host_of, make_key


def passphrase_for(path: str, text: str = "secret") -> Secrets:
    """Return secrets with the passphrase of one key file."""
    return Secrets(passphrases=((path, Secret(text)),))


@pytest.fixture(autouse=True)
def _agent_asked_each_time(monkeypatch):
    monkeypatch.setattr(agents, "LISTED_S", 0.0)


@pytest.fixture
def decryptions(monkeypatch) -> list[object]:
    """Return a list that grows with each key derivation: what decrypting a key costs."""
    derive, calls = openssh_format._bcrypt_kdf, []

    def counted(*arguments, **keywords):
        calls.append(arguments)
        return derive(*arguments, **keywords)

    monkeypatch.setattr(openssh_format, "_bcrypt_kdf", counted)
    return calls


def test_an_encrypted_key_is_decrypted_once(sshd, tmp_path, decryptions):
    """Many hosts and threads share one decryption of a key file."""
    key = shutil.copy(sshd.identity("id_locked"), tmp_path / "id")
    host = host_of(sshd, tmp_path, identity_file=str(key))
    secrets = passphrase_for(str(key))
    with ThreadPoolExecutor(4) as pool:
        outputs = [*pool.map(lambda _: run(host, "echo in", secrets=secrets), range(8))]

    assert outputs == [b"in\n"] * 8
    assert len(decryptions) == 1


def test_an_opened_key_is_open_to_its_passphrase_alone(sshd, tmp_path):
    """Who gives another passphrase, or none, does not get the key that the right one opened."""
    key = sshd.identity("id_locked")
    host = host_of(sshd, tmp_path, identity_file=key)
    assert run(host, "echo in", secrets=passphrase_for(key)) == b"in\n"

    wrong = failure(host, secrets=passphrase_for(key, "wrong"))
    assert verdict(wrong) == ("auth-failed", "key-unreadable")
    assert "the passphrase given does not open it" in wrong.message
    assert "is encrypted, and no agent holds it" in failure(host).message


FORMS = [(kind, form) for kind in ("ecdsa", "rsa") for form in ("RFC4716", "PEM", "PKCS8")]


@pytest.mark.parametrize(("kind", "form"), [("ed25519", "RFC4716"), *FORMS])
def test_a_passphrase_opens_every_form_of_key_file(tmp_path, kind, form):
    """A key is the same in whatever form it lies, encrypted or not."""
    path = str(tmp_path / "id")
    make_key(Path(path), kind, "-m", form, passphrase="secret")
    public = (tmp_path / "id.pub").read_text().split()

    read = read_key_file(path, Secret("secret"))

    assert read.problem is None
    assert public[:2] == [read.key.get_name(), read.key.get_base64()]
    assert "does not open" in read_key_file(path, Secret("wrong")).problem


def test_locked_keys_are_those_that_a_run_needs(sshd, tmp_path, agent, unlocked):
    """A named key that no agent holds is asked for; a usual one where nothing else is there."""
    (tmp_path / ".ssh").mkdir()
    usual = str(tmp_path / ".ssh/id_ed25519")
    os.link(sshd.identity("id_locked"), usual)
    named = host_of(sshd, tmp_path, identity_file=sshd.identity("id_locked"))
    plain = host_of(sshd, tmp_path, identity_file=None)
    behind = host_of(sshd, tmp_path, gateway=named)
    bare = Options(ssh_config="none")
    password = Options(ssh_config="none", secrets=Secrets(password=Secret("x")))

    assert locked_keys([named, plain, named], bare) == (named.identity_file, usual)
    assert locked_keys([behind], bare) == (named.identity_file,)
    assert locked_keys([plain, named], password) == (named.identity_file,)
    agent(sshd.identity("id_stranger"))
    assert locked_keys([plain, named], bare) == (named.identity_file,)
    agent(unlocked)
    assert locked_keys([plain, named], bare) == ()


def test_what_is_no_file_holds_nobody_up(tmp_path):
    """Pipes without a writer, devices without content or an end are keys that cannot be read."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for empty in (str(pipe), "/dev/null"):
        assert "is not a private key that can be read" == read_key_file(empty).problem
    assert "cannot be read: File too large" == read_key_file("/dev/zero").problem
    assert "cannot be read: Is a directory" == read_key_file(str(tmp_path)).problem


def test_a_pipe_gives_its_key_to_every_host(keys):
    """What a command prints, as with ``--key <(COMMAND)``, is waited for and read once."""
    command = f"sleep 0.2; cat {keys}/id_good"
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE) as child:
        path = f"/dev/fd/{child.stdout.fileno()}"
        found = [read_key_file(path) for _ in range(2)]

    assert [None, None] == [file.problem for file in found]
