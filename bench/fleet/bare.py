"""
Bare paramiko, as one would write it by hand with care: the yardstick.

    python -m bench.fleet.bare uname|script PLAN

The key is loaded once, nothing else is tried, the host's key is compared with
the known one.  `script` runs preflight's own script, sends what a second
check sends, and reads all answers without a look at them.
"""

from __future__ import annotations

import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import paramiko

from bench.fleet.plan import Plan
from preflight.probe.script import COMMAND, bootstrap

_CHUNK_BYTES = 256 << 10


class KnownKey(paramiko.MissingHostKeyPolicy):
    """Takes one key and no other."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def missing_host_key(
        self, _client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        """Compare the host's key."""
        if key.asbytes() != self._key:
            raise paramiko.SSHException(f"{hostname} has another key")


class Bare:
    """The hosts of *plan*, one connection each."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._key = paramiko.Ed25519Key.from_private_key_file(plan.identity_file)
        line = Path(plan.known_hosts).read_text().splitlines()[0]
        known = paramiko.hostkeys.HostKeyEntry.from_line(line)
        if known is None:
            raise ValueError(f"{plan.known_hosts} has no key")
        self._policy = KnownKey(known.key.asbytes())
        self._start = bootstrap().encode()

    def uname(self, number: int) -> bool:
        """Connect, run ``uname -m``, close; return whether it was answered."""
        client = self._connect(number)
        try:
            _, output, _ = client.exec_command("uname -m")
            return bool(output.read())
        finally:
            client.close()

    def script(self, number: int) -> bool:
        """Connect, have the script answer what a second check asks, close."""
        nonce = secrets.token_hex(16).encode()
        asked = self._plan.asked[number % len(self._plan.asked)]
        client = self._connect(number)
        try:
            channel = cast(paramiko.Transport, client.get_transport()).open_session()
            channel.exec_command(COMMAND)
            opening = self._start + nonce + b"\n"
            for requests in asked:
                channel.sendall(opening + requests.encode() + b".\n")
                opening = b""
                _read_round(channel, nonce + b" end\n")
            return True
        finally:
            client.close()

    def _connect(self, number: int) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(self._policy)
        client.connect(
            self._plan.addresses[number],
            self._plan.port,
            self._plan.user,
            pkey=self._key,
            look_for_keys=False,
            allow_agent=False,
        )
        return client


def _read_round(channel: paramiko.Channel, end: bytes) -> None:
    received = bytearray()
    while not received.endswith(end):
        data = channel.recv(_CHUNK_BYTES)
        if not data:
            raise EOFError("the answers end early")
        received += data


def main() -> None:
    """Ask every host; print how many answered."""
    what, path = sys.argv[1:]
    plan = Plan.read(path)
    work = getattr(Bare(plan), what)
    with ThreadPoolExecutor(plan.in_flight) as pool:
        print(sum(pool.map(work, range(len(plan.addresses)))))


if __name__ == "__main__":
    main()
