"""The machine itself."""

from __future__ import annotations

import os
import subprocess

import pytest

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.transport import Deadline, Options, connect
from tests.transport.asking import output, verdict, within
from tests.transport.conftest import wait_until


def local(deadline_s: float = 20.0):
    """Return a session with this machine."""
    return connect(Host(name="here", transport="local"), Options(), Deadline.after(deadline_s))


def test_the_environment_is_left_as_it_is(monkeypatch):
    """A command sees the environment that preflight was started in."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    with local() as session:
        assert output(session.start("echo $LC_ALL")) == b"de_DE.UTF-8\n"


def test_five_megabytes_pass_both_ways_unchanged():
    """Every byte value goes to a command and comes back as it was."""
    data = os.urandom(5 << 20)
    with local() as session:
        stream = session.start(f"head -c {len(data)} >/tmp/x$$; cat /tmp/x$$; rm /tmp/x$$")
        stream.send(data)

        assert output(stream) == data


@pytest.mark.parametrize("command", ["sleep 30", "exec cat /dev/zero", "exec >&-; sleep 30"])
def test_the_deadline_ends_a_command(command):
    """A command that hangs or floods is over at the deadline."""
    with within(3), local(0.5) as session:
        stream = session.start(command)
        with pytest.raises(TransportError) as caught:
            stream.send(bytes(10_000_000))

    assert verdict(caught.value) == ("timeout", "deadline")


def test_no_child_outlives_its_session():
    """What a command started is killed with it."""
    with local() as session:
        stream = session.start("sleep 321 & echo $!; wait")
        child = int(stream.read(100))

    wait_until(lambda: not _is_running(child))


def test_a_child_that_ignores_a_polite_end_is_killed():
    """What a command started is killed though it does not want to end, and the command did."""
    with local() as session:
        stream = session.start("(trap '' TERM; echo ready; sleep 321 & echo $!; wait) & wait")
        assert stream.read(6) == b"ready\n"
        child = int(stream.read(100))

    wait_until(lambda: not _is_running(child))


def _is_running(process: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, check=False
    )
    return bool(state.stdout.strip()) and not state.stdout.startswith(b"Z")


def test_input_that_nobody_reads_is_told():
    """A command that ends before its input is no crash."""
    with local() as session:
        stream = session.start("exec <&-; exit 0")
        with pytest.raises(TransportError) as caught:
            stream.send(bytes(1 << 20))

    assert verdict(caught.value) == ("error", "protocol")
