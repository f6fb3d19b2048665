"""Connections that do not come about."""

from __future__ import annotations

import socket
import time

import pytest

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.ssh.dial import dial
from tests.transport.asking import verdict, within
from tests.transport.conftest import free_port


def refusal(address: str, port: int, timeout_s: float = 5, deadline_s: float = 20):
    """Return the status and the cause of a connection that fails."""
    with pytest.raises(TransportError) as caught:
        dial(address, port, timeout_s, Deadline.after(deadline_s)).close()
    return verdict(caught.value)


def test_a_connection_is_kept_alive():
    """A connected socket notices a peer that went away."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = dial(*server.getsockname(), 5, Deadline.after(5))
        alive = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        sock.close()

    assert alive


def test_every_address_of_a_name_is_tried(monkeypatch):
    """A name's second address is used where the first refuses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answers = [(socket.AF_INET, 1, 6, "", (a, port)) for a in ("127.0.0.9", "127.0.0.1")]
        _resolver(monkeypatch, lambda: answers)

        dial("two", port, 5, Deadline.after(5)).close()


def test_a_refusal_is_named():
    """A port that nobody listens on refuses."""
    assert refusal("127.0.0.1", free_port()) == ("unreachable", "connection-refused")


def test_no_route_is_named():
    """An address that the system cannot send to has no route."""
    assert refusal("255.255.255.255", 22) == ("unreachable", "no-route")


@pytest.mark.parametrize("name", ["a..b", "x" * 70 + ".example", "\0"])
def test_what_is_no_name_is_not_found(name):
    """A name that the name service cannot even be asked for is not found."""
    assert refusal(name, 22) == ("unreachable", "name-not-found")


def test_a_name_that_is_not_found_is_told(monkeypatch):
    """What the name service says is the reason."""

    def answer():
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    _resolver(monkeypatch, answer)

    assert refusal("nowhere", 22) == ("unreachable", "name-not-found")


def test_a_slow_name_service_ends_with_the_timeout(monkeypatch):
    """A name service that hangs is given up, though nothing can interrupt it."""
    _resolver(monkeypatch, lambda: time.sleep(1.5) or [])

    with within(1):
        assert refusal("slow", 22, timeout_s=0.2) == ("timeout", "connect-timeout")


def test_an_address_that_does_not_answer_ends_with_the_timeout():
    """A connection that is neither taken nor refused is given up."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        place = server.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(place)

        with within(2):
            assert refusal(*place, timeout_s=0.3) == ("timeout", "connect-timeout")
            assert refusal(*place, deadline_s=0.3) == ("timeout", "deadline")
        for sock in waiting:
            sock.close()


def _resolver(monkeypatch, answer) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **keywords):
        if keywords.get("flags"):
            return real(host, port, *args, **keywords)
        return answer()

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
