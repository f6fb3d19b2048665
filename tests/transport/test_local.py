"""The machine itself."""

from __future__ import annotations

import os
import subprocess
import threading

import pytest

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.transport import Deadline, Options, connect
from tests.transport.asking import output, verdict, within
from tests.transport.conftest import wait_until


def local(deadline_s: float = 20.0):
    """Return a session with this machine."""
    return connect(Host(name="here", transport="local"), Options(), Deadline.after(deadline_s))


def test_a_command_gives_its_output_and_its_status():
    """A command's output, errors and exit status come back."""
    with local() as session:
        stream = session.start("echo out; echo err >&2; exit 3")

        assert output(stream) == b"out\n"
        assert stream.exit_status() == 3
        assert stream.stderr_text() == "err\n"


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


def test_a_flood_of_errors_stops_neither_input_nor_output():
    """Ten megabytes on standard error block nothing, and only their end is kept."""
    flood = "head -c 10000000 /dev/zero >&2; echo end >&2; "
    with local() as session:
        stream = session.start(flood + "head -c 3000000 | wc -c; echo last >&2")
        stream.send(bytes(3_000_000))

        assert output(stream).strip() == b"3000000"
        assert stream.stderr_text().endswith("end\nlast\n")
        assert len(stream.stderr_text()) == 4096


@pytest.mark.parametrize("command", ["sleep 30", "exec cat /dev/zero", "exec >&-; sleep 30"])
def test_the_deadline_ends_a_command(command):
    """A command that hangs or floods is over at the deadline."""
    with within(3), local(0.5) as session:
        stream = session.start(command)
        with pytest.raises(TransportError) as caught:
            stream.send(bytes(10_000_000))

    assert verdict(caught.value) == ("timeout", "deadline")


def test_the_deadline_ends_a_read():
    """A command that says nothing is over at the deadline."""
    with within(3), local(0.5) as session:
        stream = session.start("sleep 30")
        with pytest.raises(TransportError) as caught:
            stream.read(1)

    assert verdict(caught.value) == ("timeout", "deadline")


@pytest.mark.parametrize("what", ["stream", "session"])
def test_closing_from_another_thread_ends_a_read(what):
    """A read ends soon when another thread closes its stream or its session."""
    with within(5), local(60) as session:
        stream = session.start("sleep 30")
        closed = {"stream": stream, "session": session}[what]
        threading.Timer(0.2, closed.close).start()
        with pytest.raises(TransportError) as caught:
            stream.read(1)

    assert verdict(caught.value) == ("not-run", "interrupted")


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


def test_a_signal_gives_no_status():
    """A command that a signal ended has no exit status."""
    with local() as session:
        stream = session.start("kill -9 $$")

        assert output(stream) == b""
        assert stream.exit_status() is None


def test_a_closed_session_starts_nothing():
    """A session can be closed twice, and is closed then."""
    session = local()
    session.close()
    session.close()

    with pytest.raises(TransportError) as caught:
        session.start("true")
    assert verdict(caught.value) == ("not-run", "interrupted")
