"""Agents that are no good: slow, broken, hostile."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from preflight.transport import Deadline
from preflight.transport.credentials.agent import Agent

Script = Callable[[socket.socket], None]


@contextlib.contextmanager
def scripted(path: Path, *scripts: Script) -> Iterator[Agent]:
    """Yield an agent that plays one script for each connection, to the end of the last."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            for script in scripts:
                connection, _ = server.accept()
                with connection, contextlib.suppress(OSError):
                    script(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        agent = Agent(str(path))
        yield agent
        agent.close()
        thread.join()


def packed(*fields: bytes) -> bytes:
    """Return an answer with its length."""
    answer = b"".join(fields)
    return struct.pack(">I", len(answer)) + answer


def listing(comment: bytes) -> bytes:
    """Return the answer of an agent that has one key."""
    blob = packed(b"ssh-ed25519") + packed(bytes(32))
    return packed(b"\x0c", struct.pack(">I", 1), packed(blob), packed(comment))


def test_a_late_answer_is_not_taken_for_the_next(tmp_path):
    """What comes after its time is not heard: the next request has a connection of its own."""
    waited = threading.Event()

    def late(connection: socket.socket) -> None:
        connection.recv(99)
        assert waited.wait(20)
        connection.sendall(listing(b"late"))

    def prompt(connection: socket.socket) -> None:
        connection.recv(99)
        connection.sendall(listing(b"prompt"))

    with scripted(tmp_path / "agent", late, prompt) as agent:
        with pytest.raises(TimeoutError):
            agent.identities(Deadline.after(0.1))
        waited.set()
        found = agent.identities(Deadline.after(20))

    assert [identity.comment for identity in found] == ["prompt"]


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff\xff\xff\xff",
        packed(b""),
        packed(b"\x05"),
        packed(b"\x0c", b"\xff\xff\xff\xff"),
        packed(b"\x0c", struct.pack(">I", 1), packed(packed(b"\xff\xfe")), packed(b"")),
        b"\x00\x00",
    ],
)
def test_an_agent_that_talks_nonsense_has_no_keys(tmp_path, answer):
    """A length, a number or a key that cannot be leads to no key and to no failure."""

    def nonsense(connection: socket.socket) -> None:
        connection.recv(99)
        connection.sendall(answer)

    with scripted(tmp_path / "agent", nonsense) as agent:
        found = agent.identities(Deadline.after(20))

    assert all(identity.key.type == "\ufffd\ufffd" for identity in found)
