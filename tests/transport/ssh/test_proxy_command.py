"""Hosts behind a program of the operator's choice, with a real sshd."""

from __future__ import annotations

import os
import resource
import subprocess
import time

import pytest
from msgspec import structs

from preflight.errors import TransportError
from preflight.transport import Deadline, Options, connect, reach
from preflight.transport.ssh import session
from tests.transport.asking import failure, output, verdict, within
from tests.transport.conftest import wait_until

RELAY = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & exec cat >&3'"


@pytest.fixture
def by(host, monkeypatch):
    """Return a function that puts a command between us and the host."""

    def by_command(command: str):
        plain = session.settings_for

        def settings_for(*what):
            return structs.replace(plain(*what), proxy_command=command.format(port=host.port))

        monkeypatch.setattr(session, "settings_for", settings_for)
        return host

    return by_command


def children() -> set[str]:
    """Return the processes that this one started, zombies too."""
    own = ["ps", "-o", "pid=", "--ppid", str(os.getpid())]
    found = subprocess.Popen(own, stdout=subprocess.PIPE)
    return {*found.communicate()[0].decode().split()} - {str(found.pid)}


@pytest.fixture(autouse=True)
def _no_child_left():
    """Whatever happens to a program, it is reaped."""
    before = children()
    yield
    wait_until(lambda: not children() - before)


def test_a_command_runs_behind_a_program(by):
    """A session over a program's pipes is one like any other."""
    data = os.urandom(3 << 20)
    with connect(by(RELAY), Options(), Deadline.after(20)) as opened:
        stream = opened.start("cat; exit 3")
        stream.send(data[:30000])
        stream.close()

        stream = opened.start(f"head -c {len(data)} /dev/zero")
        assert len(output(stream)) == len(data)


def test_a_program_that_fails_is_quoted(by):
    """The program's last line on standard error says why there is no connection."""
    command = r"""sh -c 'echo first >&2; printf "no \033[2Jway\n" >&2; exit 7' """
    with within(3):
        error = failure(by(command))

    assert verdict(error) == ("unreachable", "proxy-command-failed")
    assert "status 7" in error.message
    assert "first" not in error.message
    assert r"'no \x1b[2Jway'" in error.message


def test_a_program_that_is_not_there_is_told(by):
    """A command that the shell cannot find is a failed program."""
    error = failure(by("/nonexistent/relay"))

    assert verdict(error) == ("unreachable", "proxy-command-failed")
    assert "/nonexistent/relay: not found" in error.message


def test_a_program_that_dies_in_the_handshake_is_noticed_at_once(by):
    """A program that ends after the greeting has failed, and costs no time of ours."""
    used = time.process_time()
    with within(3):
        error = failure(by("sh -c 'echo SSH-2.0-fake; sleep 0.3; echo gone >&2; exit 1'"))

    assert verdict(error) == ("unreachable", "proxy-command-failed")
    assert "gone" in error.message
    assert time.process_time() - used < 1


def test_a_program_that_dies_in_a_command_loses_the_connection(by, tmp_path):
    """A session whose program ends is lost, at once."""
    relay = RELAY.replace("cat <&3", f"echo $$ >{tmp_path}/relay; cat <&3")
    with within(5), connect(by(relay), Options(), Deadline.after(20)) as opened:
        stream = opened.start(f"kill -9 -- -$(cat {tmp_path}/relay); sleep 30")
        with pytest.raises(TransportError) as caught:
            output(stream)

    assert verdict(caught.value) == ("unreachable", "connection-lost")


def test_a_silent_program_is_over_in_time_and_no_worker_waits(by):
    """The first word is waited for on the way, for the connect timeout."""
    way = reach(by("sleep 30"), Options(connect_timeout_s=0.5), Deadline.after(20))

    error = way.exception(timeout=3)

    assert verdict(error) == ("timeout", "connect-timeout")


def test_the_deadline_ends_a_silent_program(by):
    """A program is over at the host's deadline where that is sooner."""
    with within(3):
        error = failure(by("sleep 30"), deadline_s=0.5)

    assert verdict(error) == ("timeout", "deadline")


def test_a_program_that_floods_standard_error_goes_on(by):
    """A megabyte of complaints does not stop the connection."""
    flood = "bash -c 'head -c 1000000 /dev/zero >&2; " + RELAY.removeprefix("bash -c '")
    with connect(by(flood), Options(), Deadline.after(20)) as opened:
        assert output(opened.start("echo in")) == b"in\n"


def test_it_works_above_file_descriptor_1023(by):
    """Many open files do not keep a program from being spoken to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2048), hard))
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
    try:
        with connect(by(RELAY), Options(), Deadline.after(20)) as opened:
            assert output(opened.start("echo in")) == b"in\n"
    finally:
        for number in held:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
