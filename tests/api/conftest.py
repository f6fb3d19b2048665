"""A real sshd behind a relay, hosts that all lead there, and a program to judge."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import preflight
from preflight import api
from preflight.model.host import Host
from preflight.model.start import Start
from tests.api.relay import Relay, relaying
from tests.builders.elf import build_elf
from tests.transport.conftest import Sshd, keys, sshd, start_sshd
from tests.transport.scripted import half_open

__all__ = ["keys", "sshd", "start_sshd"]

LOADER = "/lib64/ld-linux-x86-64.so.2"


@pytest.fixture(autouse=True)
def _nobodys_settings(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def want(tmp_path) -> api.Want:
    """A program that needs a library which this machine has not, and no package can have."""
    path = tmp_path / "app"
    path.write_bytes(build_elf(interpreter=LOADER, needed=["libc.so.6", "libno,where.so.1"]))
    return api.Want(preflight.analyze(path), Start(install_path="/opt/app"))


@pytest.fixture
def relay(sshd: Sshd) -> Iterator[Relay]:
    """The way to the sshd."""
    with relaying(sshd.port) as relay:
        yield relay


@pytest.fixture
def hosts_by(sshd: Sshd, tmp_path: Path) -> Callable[..., list[Host]]:
    """Make hosts, all of which are this machine's sshd behind a relay."""

    def make(relay: Relay, number: int, prefix: str = "web") -> list[Host]:
        file = tmp_path / f"known_hosts_{relay.port}"
        known_hosts = sshd._replace(port=relay.port).known_hosts(file)
        return [
            Host(
                name=f"{prefix}{count}",
                address="127.0.0.1",
                port=relay.port,
                user=getpass.getuser(),
                identity_file=sshd.identity(),
                known_hosts=known_hosts,
            )
            for count in range(number)
        ]

    return make


@pytest.fixture
def dead() -> Iterator[Host]:
    """A host whose system drops every SYN."""
    with half_open() as port:
        yield Host(name="dead", address="127.0.0.1", port=port)
