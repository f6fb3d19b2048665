"""What every client is told: where the hosts are, who logs in, and what to ask."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct


class Plan(Struct, frozen=True):
    """A task for a client; *asked* are the rounds of requests that host n sends, by n % images."""

    addresses: list[str]
    port: int
    user: str
    identity_file: str
    known_hosts: str
    asked: list[list[str]] = []
    in_flight: int = 64

    def write(self, path: Path) -> Path:
        """Write the plan to *path* and return that."""
        path.write_bytes(msgspec.json.encode(self))
        return path

    @classmethod
    def read(cls, path: str) -> Plan:
        """Return the plan in the file *path*."""
        return msgspec.json.decode(Path(path).read_bytes(), type=cls)
