"""
One real sshd for a whole run: an address and a port a host, each in a root of its own.

It runs in a mount namespace in which /etc/passwd has the test accounts too,
so that the machine's own accounts stay as they are.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

SSHD = "/usr/sbin/sshd"
READY_WITHIN_S = 20.0
Command = list[str | Path]
# Not in /etc/shadow, so sshd takes the password field: "*" lets keys in.
ACCOUNTS = """\
deploy:*:0:0:uid 0 with a plain shell:/root:/bin/sh
app:*:1000:1000:nobody special:/:/bin/sh
quiet:*:1001:1001:may not log in:/:/usr/sbin/nologin
"""
COMMON = """\
HostKey {directory}/ssh_host_ed25519_key
HostKey {directory}/ssh_host_ecdsa_key
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
MaxStartups 1000
MaxSessions 1000
"""


class Listener(msgspec.Struct, frozen=True):
    """One address that sshd serves, and the settings that hold for it alone."""

    address: str
    port: int
    settings: tuple[str, ...]


def make_keys(directory: Path) -> None:
    """Make the hosts' keys, the client's, and one that no host has; none has a passphrase."""
    for kind, name in (
        ("ed25519", "ssh_host_ed25519_key"),
        ("ecdsa", "ssh_host_ecdsa_key"),
        ("ed25519", "other_host_key"),
        ("ed25519", "id_ed25519"),
    ):
        plain = ("-q", "-N", "", "-C", "preflight test")
        subprocess.run(["ssh-keygen", *plain, "-t", kind, "-f", directory / name], check=True)
    public = (directory / "id_ed25519.pub").read_text()
    (directory / "authorized_keys").write_text(public)


def write_config(path: Path, listeners: Iterable[Listener]) -> None:
    """Write the configuration of a sshd that serves *listeners* to *path*."""
    listeners = list(listeners)
    lines = [f"ListenAddress {one.address}:{one.port}" for one in listeners]
    lines.append(COMMON.format(directory=path.parent))
    for one in listeners:
        lines.append(f"Match LocalPort {one.port}")
        lines += [f"    {setting}" for setting in one.settings]
    path.write_text("\n".join(lines) + "\n")
    # sshd 9.8 and later shut out an address after a few refused log-ins.
    lenient = "PerSourcePenalties no"
    test: Command = [SSHD, "-t", "-f", path, "-o", lenient]
    if subprocess.run(test, capture_output=True, check=False).returncode == 0:
        path.write_text(f"{lenient}\n{path.read_text()}")


@contextlib.contextmanager
def running(config: Path, *, own_network: bool = False, accounts: str = ACCOUNTS) -> Iterator[int]:
    """
    Yield the process id of a sshd that listens as *config* says.

    With *own_network* it has a network of its own, which has nothing but a
    loopback.  Besides the machine's accounts it knows *accounts*, lines of
    /etc/passwd.  It ends with this process, however that ends.
    """
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    passwd = config.with_suffix(".passwd")
    passwd.write_text(Path("/etc/passwd").read_text() + accounts)
    network = ["--net"] if own_network else []
    loopback = "ip link set lo up && " if own_network else ""
    command: Command = [
        *("setpriv", "--pdeathsig", "TERM"),
        *("unshare", "--mount", "--propagation", "slave", *network),
        *("sh", "-c", f'{loopback}mount --bind "$0" /etc/passwd && exec "$@"', passwd),
        *(SSHD, "-D", "-f", config, "-E", log_of(config)),
    ]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        _wait_until_listening(server, config)
        yield server.pid
    finally:
        server.terminate()
        server.wait()


def _wait_until_listening(server: subprocess.Popen[bytes], config: Path) -> None:
    wanted = config.read_text().count("ListenAddress")
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        log = log_of(config).read_text() if log_of(config).exists() else ""
        if log.count("Server listening on") == wanted:
            return
        time.sleep(0.02)
    raise RuntimeError(f"sshd does not listen as {config} says; its log:\n{log}")


def log_of(config: Path) -> Path:
    """Return the file into which the sshd with *config* writes what it does."""
    return config.with_suffix(".log")


def serve_connection(
    config: Path, beside: int, connection: socket.socket
) -> subprocess.Popen[bytes]:
    """Have a sshd in the namespaces of process *beside* serve *connection*."""
    command: Command = [
        *("nsenter", "--target", str(beside), "--net", "--mount", "--root"),
        *(SSHD, "-i", "-f", config, "-E", log_of(config)),
    ]
    return subprocess.Popen(command, stdin=connection.fileno(), stdout=connection.fileno())


def known_hosts_line(address: str, port: int, public_key: Path) -> str:
    """Return the known_hosts line that says *address* has *public_key*."""
    kind, key, *_ = public_key.read_text().split()
    return f"[{address}]:{port} {kind} {key}\n"
