"""Real sshds with settings and accounts that are no good for a probe, or only look so."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from tests.hosts import sshd
from tests.transport.conftest import ADDRESS, free_port

# Hangs for as long as the connection stands, and leaves nothing behind.
HANG = "cat >/dev/null"
# Account: login shell, and the file in its home that the shell reads at its start.
ACCOUNTS: Mapping[str, tuple[str, str, str]] = {
    "plain": ("/bin/sh", "", ""),
    "noisy": ("/bin/bash", ".bashrc", "echo 'Welcome!'; echo 'You have mail.' >&2\n"),
    "tcsh": ("/usr/bin/tcsh", ".cshrc", "echo 'Welcome to tcsh'\n"),
    "fish": ("/usr/bin/fish", ".config/fish/config.fish", "echo 'Welcome to fish'\n"),
    "rbash": ("/usr/bin/rbash", "", ""),
    "nologin": ("/usr/sbin/nologin", "", ""),
    "false": ("/bin/false", "", ""),
    "sleeper": ("/bin/bash", ".bashrc", f"{HANG}\n"),
    **dict.fromkeys(("forced", "hung", "flood", "echo"), ("/bin/sh", "", "")),
}
FORCED = (
    *("Match User forced", "ForceCommand echo This account is closed"),
    *("Match User hung", f"ForceCommand {HANG}"),
    *("Match User flood", "ForceCommand head -c 10G /dev/zero"),
    *("Match User echo", "ForceCommand cat"),
)
OLD = (
    "KexAlgorithms diffie-hellman-group14-sha256",
    "HostKeyAlgorithms rsa-sha2-256",
    "Ciphers aes128-ctr",
    "MACs hmac-sha1",
    "HostKey {directory}/ssh_host_rsa_key",
    "PubkeyAcceptedAlgorithms +ssh-rsa",
)
VANISH = (
    "ForceCommand nft 'add table inet gone;"
    " add chain inet gone in { type filter hook input priority 0; policy drop; };"
    " add chain inet gone out { type filter hook output priority 0; policy drop; }'; cat >/dev/null"
)


class Place(Struct, frozen=True):
    """Where a host listens."""

    address: str
    port: int


def make_homes(directory: Path) -> str:
    """Make the accounts' homes, and return their lines of /etc/passwd."""
    lines = []
    for name, (shell, file, text) in ACCOUNTS.items():
        home = directory / "home" / name
        home.mkdir(parents=True)
        if file:
            (home / file).parent.mkdir(parents=True, exist_ok=True)
            (home / file).write_text(text)
        lines.append(f"{name}:*:0:0::{home}:{shell}\n")
    return "".join(lines)


def make_keys(directory: Path) -> None:
    """Make the keys of the hosts and of the client."""
    sshd.make_keys(directory)
    plain = ("-q", "-N", "", "-C", "preflight test", "-t", "rsa")
    subprocess.run(["ssh-keygen", *plain, "-f", directory / "ssh_host_rsa_key"], check=True)


@contextlib.contextmanager
def listening(directory: Path, accounts: str, *settings: str) -> Iterator[Place]:
    """Yield the place of a sshd with *settings*, the first of which wins."""
    port = free_port()
    lines = [f"ListenAddress {ADDRESS}:{port}", *settings]
    config = _config(directory, f"sshd-{port}", lines)
    with sshd.running(config, accounts=accounts):
        yield Place(ADDRESS, port)


@contextlib.contextmanager
def far_away(directory: Path, accounts: str, *settings: str) -> Iterator[Place]:
    """Yield the place of a sshd in a network of its own, which it can cut off."""
    number = os.getpid()
    port, here, there = 2222, f"pf{number}a", f"pf{number}b"
    net = f"169.254.{number >> 6 & 0xFF}.{(number & 63) << 2}"
    first, _, last = net.rpartition(".")
    ours, theirs = (f"{first}.{int(last) + n}" for n in (1, 2))
    lines = [f"ListenAddress 0.0.0.0:{port}", *settings]
    config = _config(directory, f"sshd-away-{number}", lines)
    with sshd.running(config, own_network=True, accounts=accounts) as pid:
        network = os.readlink(f"/proc/{pid}/ns/net")
        _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", str(pid))
        _ip("addr", "add", f"{ours}/30", "dev", here)
        _ip("link", "set", here, "up")
        inside = ("nsenter", "--target", str(pid), "--net")
        _ip("addr", "add", f"{theirs}/30", "dev", there, before=inside)
        _ip("link", "set", there, "up", before=inside)
        try:
            yield Place(theirs, port)
        finally:
            _end_all_in(network)
            # The sockets that were cut off would keep the network for a while.
            _ip("link", "del", here)


def _end_all_in(network: str) -> None:
    """End all that is in a *network* besides ours: a session that was cut off does not notice."""
    assert network != os.readlink("/proc/self/ns/net")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(process / "ns/net") == network:
                os.kill(int(process.name), signal.SIGKILL)


def _ip(*words: str, before: tuple[str, ...] = ()) -> None:
    subprocess.run([*before, "ip", *words], check=True)


def _config(directory: Path, name: str, lines: list[str]) -> Path:
    path = directory / f"{name}.conf"
    common = sshd.COMMON
    if any(line.startswith("MaxStartups") for line in lines):
        # Of all settings this is the one of which sshd takes the last, not the first.
        common = common.replace("MaxStartups 1000\n", "")
    matches = next((n for n, line in enumerate(lines) if line.startswith("Match")), len(lines))
    # A home in a temporary directory is not what sshd would have it be.
    text = "\n".join([*lines[:matches], "StrictModes no", common, *lines[matches:], ""])
    path.write_text(text.replace("{directory}", str(directory)))
    return path
