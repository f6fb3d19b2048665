"""Connections that do not come about."""

from __future__ import annotations

import os
import socket
import threading
import time
from concurrent.futures import wait

import pytest

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.ssh import resolve
from preflight.transport.ssh.dial import Target, dial, interleaved, set_out
from tests.transport.asking import verdict, within
from tests.transport.conftest import free_port, wait_until
from tests.transport.scripted import half_open


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
    with half_open() as port, within(2):
        assert refusal("127.0.0.1", port, timeout_s=0.3) == ("timeout", "connect-timeout")
        assert refusal("127.0.0.1", port, deadline_s=0.3) == ("timeout", "deadline")


def test_a_silent_address_does_not_hold_up_the_next(monkeypatch):
    """The second address of a name is tried beside the first, after its head start; RFC 8305."""
    with half_open() as port, socket.create_server(("127.0.0.2", port)):
        answers = [(socket.AF_INET, 1, 6, "", (f"127.0.0.{n}", port)) for n in (1, 2)]
        _resolver(monkeypatch, lambda: answers)
        with within(2), dial("half-dead", port, 10, Deadline.after(20)) as sock:
            assert sock.getpeername() == ("127.0.0.2", port)


def test_families_take_turns():
    """Addresses are tried by turns of their families, the first's first; RFC 8305, 4."""
    six = [(socket.AF_INET6, (f"::{n}", 0, 0, 0)) for n in range(3)]
    four = [(socket.AF_INET, (f"127.0.0.{n}", 0)) for n in range(2)]

    assert interleaved([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]


def test_a_hung_lookup_does_not_hold_up_the_others(monkeypatch):
    """More names than there are threads in time hang, and a further one is looked up."""
    over = threading.Event()
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **keywords):
        if keywords.get("flags"):
            return real(host, port, *args, **keywords)
        if host.startswith("hung"):
            over.wait(10)
        return real("127.0.0.1", port, *args, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with socket.create_server(("127.0.0.1", 0)) as server, within(4):
        port = server.getsockname()[1]
        names = [f"hung{n}" for n in range(resolve.LOOKUPS + 3)]
        hung = [set_out(Target(name, port, 0.5), Deadline.after(20)) for name in names]

        dial("quick", port, 0.5, Deadline.after(0.5)).close()

        wait(hung)
    over.set()
    assert {verdict(way.exception()) for way in hung} == {("timeout", "connect-timeout")}


def test_equal_names_are_looked_up_once(monkeypatch):
    """Hosts at different ports of one name share a lookup."""
    asked = []

    def answer():
        asked.append(1)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))]

    _resolver(monkeypatch, answer)
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        for server in (one, two):
            dial("shared", server.getsockname()[1], 5, Deadline.after(5)).close()

    assert asked == [1]


def test_hundreds_wait_in_one_thread_and_leave_nothing_behind():
    """Dials that hang take neither a thread each nor, when they are given up, a file."""
    with half_open() as port:
        dial_once = set_out(Target("127.0.0.1", port, 0.01), Deadline.after(5))
        wait([dial_once])
        threads, files = threading.active_count(), _open_files()
        ways = [set_out(Target("127.0.0.1", port, 60), Deadline.after(60)) for _ in range(300)]
        wait_until(lambda: _open_files() >= files + 300, 10)

        assert threading.active_count() == threads

        for way in ways:
            way.cancel()
        wait_until(lambda: _open_files() == files, 10)


def test_an_address_to_come_from_is_kept():
    """A connection comes from the address that was asked for."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = Target(*server.getsockname(), 5, bind_address="127.0.0.77")

        with set_out(target, Deadline.after(5)).result() as sock:
            assert sock.getsockname()[0] == "127.0.0.77"


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _resolver(monkeypatch, answer) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **keywords):
        if keywords.get("flags"):
            return real(host, port, *args, **keywords)
        return answer()

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
