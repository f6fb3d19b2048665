"""
A sshd with accounts of its own: passwords, sudo rules and login shells of every kind.

It runs in a mount namespace in which the files of accounts are its own, so that the
machine's stay as they are.  Needs root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from preflight.model.host import Host

SSHD = "/usr/sbin/sshd"
ADDRESS = "127.0.0.1"
LOGIN_PASSWORD = "canary-of-a-login-K7p"
# Account → login shell; sudo asks for the password of all but the first.
ACCOUNTS = {
    "free": "/bin/sh",
    "asked": "/bin/sh",
    "tty": "/bin/sh",
    "once": "/bin/sh",
    "stranger": "/bin/sh",
    "seashell": "/bin/csh",
    "fishy": "/usr/bin/fish",
    "quiet": "/usr/sbin/nologin",
    "app": "/bin/sh",
}
SUDOERS = """\
Defaults !fqdn, !syslog, !lecture
Defaults:tty requiretty
Defaults:once passwd_tries=1
free ALL=(app) NOPASSWD: /bin/sh
asked, tty, once, seashell, fishy ALL=(app) /bin/sh
"""
SETTINGS = """\
ListenAddress {address}:{port}
HostKey {directory}/host
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
StrictModes no
UseDNS no
MaxStartups 500
PermitRootLogin prohibit-password
"""


class Accounts(NamedTuple):
    """The running sshd; *directory* holds its keys and those of the client."""

    directory: Path
    port: int

    @property
    def known_hosts(self) -> str:
        """The file with the host's key."""
        return str(self.directory / "known_hosts")

    @property
    def key(self) -> str:
        """The private key that every account takes, where keys are taken."""
        return str(self.directory / "id")

    @property
    def log(self) -> str:
        """What the sshd says of every connection."""
        return (self.directory / "log").read_text()

    def host(self, user: str, **fields: object) -> Host:
        """Return the host as seen by *user*, with its key known."""
        own = {"name": user, "address": ADDRESS, "port": self.port, "user": user}
        return Host(**(own | {"known_hosts": self.known_hosts} | fields))


def missing() -> str | None:
    """Return what is not there that the accounts need."""
    programs = (SSHD, "/usr/bin/sudo", "/bin/csh", "/usr/bin/fish")
    lacking = [program for program in programs if not Path(program).exists()]
    if os.geteuid() != 0:
        lacking.append("root")
    return ", ".join(lacking) or None


@contextlib.contextmanager
def running(directory: Path, *settings: str) -> Iterator[Accounts]:
    """Yield the accounts, with *settings* for their sshd, the first of which win."""
    directory.mkdir(exist_ok=True)
    with socket.create_server((ADDRESS, 0)) as server:
        port = server.getsockname()[1]
    _make_files(directory, port, settings)
    Path("/run/sshd").mkdir(exist_ok=True)
    # Debian's sudo remembers a password for a session; nothing of that leaves the namespace.
    mounts = [f"mount --bind {directory}/{name} /etc/{name}" for name in _FILES]
    mounts += ["mkdir -p /run/sudo", "mount -t tmpfs none /run/sudo"]
    script = " && ".join([*mounts, 'exec "$@"'])
    command = ["setpriv", "--pdeathsig", "TERM", "unshare", "--mount", "sh", "-c", script, "sh"]
    command += [SSHD, "-D", "-f", directory / "config", "-E", directory / "log"]
    sshd = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        _await_start(sshd, directory / "log")
        yield Accounts(directory, port)
    finally:
        sshd.terminate()
        sshd.wait()


_FILES = ("passwd", "shadow", "sudoers")


def _make_files(directory: Path, port: int, settings: tuple[str, ...]) -> None:
    for name in ("host", "id"):
        if not (directory / name).exists():
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name]
            subprocess.run(command, check=True)
    shutil.copy(directory / "id.pub", directory / "authorized_keys")
    public = (directory / "host.pub").read_text()
    (directory / "known_hosts").write_text(f"[{ADDRESS}]:{port} {public}")
    (directory / "log").write_text("")
    plain = SETTINGS.format(address=ADDRESS, port=port, directory=directory)
    (directory / "config").write_text("\n".join([*settings, plain]))
    numbered = enumerate(ACCOUNTS.items(), 60001)
    lines = [f"{name}:x:{uid}:60001::/tmp:{shell}\n" for uid, (name, shell) in numbered]
    (directory / "passwd").write_text(Path("/etc/passwd").read_text() + "".join(lines))
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"],
        input=LOGIN_PASSWORD.encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()
    lines = [f"{name}:{hashed.strip()}:19000:0:99999:7:::\n" for name in ACCOUNTS]
    (directory / "shadow").write_text(Path("/etc/shadow").read_text() + "".join(lines))
    (directory / "shadow").chmod(0o600)
    (directory / "sudoers").write_text(SUDOERS)
    (directory / "sudoers").chmod(0o440)
    directory.chmod(0o755)


def _await_start(server: subprocess.Popen[bytes], log: Path) -> None:
    tail = subprocess.Popen(
        ["timeout", "20", "tail", "-n", "+1", "-f", f"--pid={server.pid}", log],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with tail:
        assert tail.stdout
        for line in tail.stdout:
            if "Server listening" in line:
                tail.terminate()
                return
    raise RuntimeError(f"sshd does not start; its log:\n{log.read_text()}")
