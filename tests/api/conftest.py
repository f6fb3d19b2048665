"""A real sshd for the engine, and a place where nobody answers."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from preflight.model.host import Host
from tests.transport.conftest import keys, sshd, start_sshd

__all__ = ["keys", "sshd", "start_sshd"]


@pytest.fixture(autouse=True)
def _no_keys_of_our_own(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def dead() -> Iterator[Host]:
    """A host whose system drops every SYN: the queue of its listening socket is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(server.getsockname())
        yield Host(name="dead", address="127.0.0.1", port=server.getsockname()[1])
