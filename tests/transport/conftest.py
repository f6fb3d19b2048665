"""A real sshd on loopback, keys for it, and a home directory without any of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import paramiko
import pytest

from preflight.model.host import Host

SSHD = "/usr/sbin/sshd"
ADDRESS = "127.0.0.1"


class Sshd(NamedTuple):
    """One running sshd; the same keys are used by all of them."""

    port: int
    directory: Path

    def known_hosts(self, path: Path, kind: str = "ed25519") -> str:
        """Record the host's real key in a file, and return its path."""
        public = (self.directory / f"host_{kind}.pub").read_text()
        path.write_text(f"[{ADDRESS}]:{self.port} {public}")
        return str(path)

    def identity(self, name: str = "id_good") -> str:
        """Return the path of a private key."""
        return str(self.directory / name)


def require(*, available: bool, what: str) -> None:
    """Skip the test for want of *what*, or fail where tests with hosts are required."""
    if not available and os.environ.get("PREFLIGHT_REQUIRE_HOSTS") == "1":
        pytest.fail(f"{what} is required")
    if not available:
        pytest.skip(f"needs {what}")


@pytest.fixture(autouse=True)
def _no_keys_of_our_own(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture(autouse=True)
def _no_thread_left():
    """Every test leaves no thread of paramiko's and no timer behind, whatever happened in it."""
    before = set(threading.enumerate())
    yield
    wait_until(lambda: not [t for t in threading.enumerate() if t not in before and _is_ours(t)])


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Return when *condition* holds; fail where it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def _is_ours(thread: threading.Thread) -> bool:
    if isinstance(thread, paramiko.Transport):
        return not thread.server_mode
    return isinstance(thread, threading.Timer)


@pytest.fixture(scope="session")
def keys() -> Iterator[Path]:
    """Return a directory of host keys and of keys to log in with, open to every account."""
    require(available=bool(shutil.which("ssh-keygen")), what="ssh-keygen")
    with tempfile.TemporaryDirectory(prefix="preflight-keys-") as name:
        Path(name).chmod(0o755)
        make_keys(Path(name))
        yield Path(name)


def make_keys(directory: Path) -> None:
    """Make every key that a test needs."""
    for kind in ("ed25519", "ecdsa", "rsa"):
        make_key(directory / f"host_{kind}", kind)
    make_key(directory / "id_good", "ed25519")
    make_key(directory / "id_rsa", "rsa")
    make_key(directory / "id_stranger", "ed25519")
    make_key(directory / "id_locked", "ed25519", passphrase="secret")
    allowed = [(directory / f"{n}.pub").read_text() for n in ("id_good", "id_rsa", "id_locked")]
    (directory / "authorized_keys").write_text("".join(allowed))


def make_key(path: Path, kind: str = "ed25519", *more: str, passphrase: str = "") -> None:
    """Make a key pair; its comment is the file's name."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", path]
    subprocess.run([*command, *more], check=True)


@pytest.fixture(scope="session")
def start_sshd(keys) -> Iterator[Callable[..., Sshd]]:
    """Return a function that starts a sshd with further settings; all end with the session."""
    require(available=Path(SSHD).exists(), what="openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    running = []

    def start(*settings: str) -> Sshd:
        port = free_port()
        config = keys / f"sshd_config_{port}"
        config.write_text(_config(keys, port, settings))
        running.append(subprocess.Popen([SSHD, "-D", "-f", config, "-E", f"{config}.log"]))
        wait_for(port)
        return Sshd(port, keys)

    yield start
    for process in running:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def sshd(start_sshd) -> Sshd:
    """Return a sshd with nothing special about it."""
    return start_sshd()


@pytest.fixture
def agent(tmp_path, monkeypatch) -> Iterator[Callable[..., None]]:
    """Return a function that gives a key to an agent of this test."""
    path = tmp_path / "agent"
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    wait_until(path.exists, 10)
    yield lambda *key: subprocess.run(["ssh-add", "-q", *key], check=True)
    process.terminate()
    process.wait()


@pytest.fixture
def unlocked(keys, tmp_path) -> str:
    """Return the path of the locked key without its passphrase."""
    path = tmp_path / "unlocked"
    shutil.copy(keys / "id_locked", path)
    command = ["ssh-keygen", "-q", "-p", "-P", "secret", "-N", "", "-f", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return str(path)


@pytest.fixture
def host(sshd, tmp_path) -> Host:
    """Return the host of `sshd`, with its key known and a key that it accepts."""
    return host_of(sshd, tmp_path)


def host_of(sshd: Sshd, tmp_path: Path, **changes: object) -> Host:
    """Return a host that can be logged in to, but for *changes*."""
    fields = {
        "name": "web-1",
        "address": ADDRESS,
        "port": sshd.port,
        "user": getpass.getuser(),
        "identity_file": sshd.identity(),
        "known_hosts": sshd.known_hosts(tmp_path / f"known_hosts_{sshd.port}"),
    }
    return Host(**(fields | changes))


def free_port() -> int:
    """Return a port of loopback that nobody listens on just now."""
    with socket.create_server((ADDRESS, 0)) as server:
        return server.getsockname()[1]


def wait_for(port: int) -> None:
    """Return when something listens on *port*."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection((ADDRESS, port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"nothing listens on port {port}")


def _config(keys: Path, port: int, settings: tuple[str, ...]) -> str:
    # Of all settings this is the one of which sshd takes the last, not the first.
    limited = any(setting.startswith("MaxStartups") for setting in settings)
    lines = [
        *settings,
        *([] if limited else ["MaxStartups 500"]),
        f"ListenAddress {ADDRESS}:{port}",
        *(f"HostKey {keys}/host_{kind}" for kind in ("ed25519", "ecdsa", "rsa")),
        f"AuthorizedKeysFile {keys}/authorized_keys",
        "PidFile none",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication yes",
        "KbdInteractiveAuthentication no",
        "UseDNS no",
        "SetEnv SHLVL=2",  # or bash reads ~/.bashrc, which may be slow
    ]
    return "\n".join(lines) + "\n"
