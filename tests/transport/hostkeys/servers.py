"""Real sshds with chosen keys and certificates, and what ssh makes of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.hostkeys.identity import Identity
from preflight.transport.settings import Settings
from preflight.transport.ssh.protocol import Transport
from tests.transport.conftest import ADDRESS, SSHD, require
from tests.transport.hostkeys import material
from tests.transport.scripted import serving


class Server:
    """A sshd that reads its keys anew for every connection."""

    def __init__(self, port: int, directory: Path) -> None:
        self.port = port
        self.name = f"[{ADDRESS}]:{port}"
        self.directory = directory
        self.config = directory / f"sshd_config_{port}"

    def show(self, *settings: object) -> None:
        """Have the next connections see these settings."""
        lines = [
            *(str(setting) for setting in settings),
            f"AuthorizedKeysFile {self.directory}/authorized_keys",
            "StrictModes no",
            "UsePAM no",
            "UseDNS no",
        ]
        self.config.write_text("\n".join(lines) + "\n")


@contextlib.contextmanager
def server(directory: Path, *settings: object) -> Iterator[Server]:
    """Yield a server on a port of its own; *directory* has the keys that it lets in."""
    require(available=Path(SSHD).exists() and bool(shutil.which("ssh")), what="openssh")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)

    def serve(connection: socket.socket) -> None:
        connection.setblocking(True)
        end = connection.fileno()
        command = [SSHD, "-i", "-f", made.config, "-E", f"{made.config}.log"]
        subprocess.run(command, stdin=end, stdout=end, stderr=subprocess.DEVNULL, check=False)

    with serving(serve) as port:
        made = Server(port, directory)
        made.show(*settings)
        yield made


def settings(of: Server, *known_hosts: object, **changes: object) -> Settings:
    """Return the settings with which *of* is to be verified."""
    return material.settings(of.port, *known_hosts, **({"address": ADDRESS} | changes))


def meet(who: Settings) -> Identity:
    """Go through one key exchange with a host, and return who it is; no log-in follows."""
    deadline = Deadline.after(20)
    identity = Identity(who, deadline)
    with socket.create_connection((ADDRESS, who.port), 10) as sock:
        transport = Transport(sock, who, identity, deadline)
        try:
            transport.start_client(timeout=20)
        finally:
            transport.close()
            transport.join()
    return identity


def verdict(who: Settings) -> str:
    """Return the state of a host that is let pass, and the cause where it is not."""
    try:
        return str(meet(who).state)
    except TransportError as error:
        return error.cause


def ssh(of: Server, known_hosts: Path, key: Path, *options: str) -> bool:
    """Whether ssh itself goes on to log in to the host."""
    fixed = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "GlobalKnownHostsFile": "/dev/null",
        "UserKnownHostsFile": known_hosts,
        "IdentityFile": key,
    }
    command = ["ssh", "-F", "none", "-p", str(of.port), *(f"-o{option}" for option in options)]
    command += [f"-o{name}={value}" for name, value in fixed.items()]
    done = subprocess.run([*command, ADDRESS, "true"], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 255), done.stderr
    return done.returncode == 0
