"""What every transport's sessions do, with a real sshd, and here."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from preflight.errors import TransportError
from preflight.transport import Deadline, Options, connect
from preflight.transport.hostkeys.remarks import UNVERIFIED
from tests.transport.asking import failure, output, run, verdict, within
from tests.transport.conftest import free_port, host_of, require

# Enough for a log-in on a busy machine, and not much more.
SHORT_S = {"ssh": 0.8, "openssh": 2.5, "local": 0.5}


@pytest.fixture(params=["ssh", "openssh"])
def over(request) -> str:
    """Return the name of a transport that reaches hosts."""
    return request.param


@pytest.fixture(params=["ssh", "openssh", "local"])
def host(request, sshd, tmp_path):
    """Return a host of each transport."""
    return host_of(sshd, tmp_path, transport=request.param)


def soon(host) -> Deadline:
    """Return a deadline that passes while a command hangs."""
    return Deadline.after(SHORT_S[host.transport])


def test_a_session_says_how_the_host_proved_itself(over, sshd, tmp_path):
    """A new host is recorded, a known one verified; with off none is, and that is said."""
    known = tmp_path / "new"
    host = host_of(sshd, tmp_path, transport=over, known_hosts=str(known))
    said = {}
    for checking in ("off", "accept-new", "strict"):
        options = Options(host_keys=checking, ssh_config="none")
        with connect(host, options, Deadline.after(20)) as session:
            said[session.host_key] = session.warnings

    assert [*said] == ["not-verified", "accepted-new", "verified"]
    assert said["not-verified"] == (UNVERIFIED,)
    assert "new host keys were recorded" in said["accepted-new"][0]
    assert said["verified"] == ()


def test_a_command_gives_its_output_and_its_status(host):
    """A command's output, errors and exit status come back."""
    with connect(host, Options(), Deadline.after(20)) as session:
        stream = session.start("echo out; echo err >&2; exit 3")

        assert output(stream) == b"out\n"
        assert stream.exit_status() == 3
        assert stream.stderr_text() == "err\n"


def test_several_commands_share_a_session(host):
    """A session runs one command after the other."""
    with connect(host, Options(), Deadline.after(20)) as session:
        assert output(session.start("echo one")) == b"one\n"
        assert output(session.start("echo two")) == b"two\n"


def test_five_megabytes_pass_both_ways_unchanged(host):
    """Every byte value goes to a command and comes back as it was."""
    data = os.urandom(5 << 20)
    with connect(host, Options(), Deadline.after(60)) as session:
        stream = session.start(f"head -c {len(data)}")
        sender = threading.Thread(target=stream.send, args=(data,))
        sender.start()
        returned = output(stream)
        sender.join()

    assert returned == data


def test_a_flood_of_errors_stops_neither_input_nor_output(host):
    """Ten megabytes on standard error block nothing, and only their end is kept."""
    flood = "head -c 10000000 /dev/zero >&2; echo end >&2; "
    with connect(host, Options(), Deadline.after(60)) as session:
        stream = session.start(flood + "head -c 3000000 | wc -c; echo last >&2")
        stream.send(bytes(3_000_000))

        assert output(stream) == b"3000000\n"
        assert stream.stderr_text().endswith("end\nlast\n")
        assert len(stream.stderr_text()) == 4096


def test_the_deadline_ends_a_command_that_hangs(host):
    """A command that says nothing is over at the host's deadline."""
    with within(6), connect(host, Options(), soon(host)) as session:
        stream = session.start("sleep 30")
        with pytest.raises(TransportError) as caught:
            stream.read(1)

    assert verdict(caught.value) == ("timeout", "deadline")


def test_the_deadline_ends_a_command_that_floods(host):
    """A command that never stops printing is over at the host's deadline."""
    with within(6), connect(host, Options(), soon(host)) as session:
        stream = session.start("exec cat /dev/zero")
        with pytest.raises(TransportError) as caught:
            output(stream)

    assert verdict(caught.value) == ("timeout", "deadline")


def test_the_deadline_ends_input_that_nobody_reads(host):
    """Input that a command does not take is over at the host's deadline."""
    with within(6), connect(host, Options(), soon(host)) as session:
        stream = session.start("sleep 30")
        with pytest.raises(TransportError) as caught:
            stream.send(bytes(10_000_000))

    assert verdict(caught.value) == ("timeout", "deadline")


@pytest.mark.parametrize("what", ["stream", "session"])
def test_closing_from_another_thread_ends_a_read(host, what):
    """A read ends at once when another thread closes its stream or its session."""
    with within(10), connect(host, Options(), Deadline.after(60)) as session:
        stream = session.start("sleep 30")
        closed = {"stream": stream, "session": session}[what]
        threading.Timer(0.3, closed.close).start()
        with pytest.raises(TransportError) as caught:
            stream.read(1)

    assert verdict(caught.value) == ("not-run", "interrupted")


def test_a_signal_gives_no_status(host):
    """A command that a signal ended has no exit status."""
    with connect(host, Options(), Deadline.after(20)) as session:
        stream = session.start("kill -9 $$")

        assert output(stream) == b""
        assert stream.exit_status() is None


def test_a_nologin_shell_ends_before_it_runs_anything(over, sshd, tmp_path):
    """A nologin account connects, prints its refusal and fails: the probe sees no answer."""
    require(available=os.geteuid() == 0, what="root")
    host = host_of(sshd, tmp_path, user="nobody", transport=over)
    with connect(host, Options(), Deadline.after(20)) as session:
        stream = session.start("echo ran")

        assert b"ran" not in output(stream)
        assert stream.exit_status() == 1


def test_a_host_without_sessions_has_no_shell(over, start_sshd, tmp_path):
    """A host that lets in but opens no session has no shell."""
    host = host_of(start_sshd("MaxSessions 0"), tmp_path, transport=over)
    with (
        connect(host, Options(), Deadline.after(20)) as session,
        pytest.raises(TransportError) as caught,
    ):
        session.start("true")

    assert verdict(caught.value) == ("error", "no-shell")


def test_a_closed_port_is_refused_at_once(over, sshd, tmp_path):
    """Where nothing listens, the connection is refused."""
    with within(1):
        error = failure(host_of(sshd, tmp_path, port=free_port(), transport=over))

    assert verdict(error) == ("unreachable", "connection-refused")


def test_an_unknown_key_is_refused(over, sshd, tmp_path):
    """A host of which nothing is recorded is refused before any log-in."""
    (tmp_path / "empty").touch()

    error = failure(host_of(sshd, tmp_path, known_hosts=str(tmp_path / "empty"), transport=over))

    assert verdict(error) == ("host-key", "host-key-unknown")


def test_a_changed_key_is_refused(over, sshd, tmp_path):
    """A host with another key than the recorded one is refused, with the place of the record."""
    stranger = (sshd.directory / "id_stranger.pub").read_text()
    (tmp_path / "wrong").write_text(f"[127.0.0.1]:{sshd.port} {stranger}")

    error = failure(host_of(sshd, tmp_path, known_hosts=str(tmp_path / "wrong"), transport=over))

    assert verdict(error) == ("host-key", "host-key-changed")
    assert f"{tmp_path}/wrong:1" in error.message
    assert "SHA256:" in error.message


def test_a_refused_key_is_a_refusal(over, sshd, tmp_path):
    """A key that the host does not accept is a refused log-in, with the methods that there are."""
    stranger = sshd.identity("id_stranger")

    error = failure(host_of(sshd, tmp_path, identity_file=stranger, transport=over))

    assert verdict(error) == ("auth-failed", "auth-refused")
    assert "publickey" in error.message
    assert "password" in error.message


def test_no_common_host_key_algorithm_is_said(over, start_sshd, tmp_path):
    """A host with none of our algorithms is told with its own."""
    sshd = start_sshd("HostKeyAlgorithms ssh-rsa")

    error = failure(host_of(sshd, tmp_path, transport=over))

    assert verdict(error) == ("error", "algorithms-incompatible")
    assert "ssh-rsa" in error.message


def test_many_hosts_are_asked_at_a_time(host):
    """Many connections at a time all come back."""
    many = 64 if host.transport == "ssh" else 16
    with ThreadPoolExecutor(many) as pool:
        answers = list(pool.map(lambda _: run(host, "echo in", 60), range(many)))

    assert answers == [b"in\n"] * many


def test_a_session_can_be_closed_twice(host):
    """Closing is idempotent, and a closed session starts nothing."""
    session = connect(host, Options(), Deadline.after(20))
    session.close()
    session.close()

    with pytest.raises(TransportError) as caught:
        session.start("true")
    assert verdict(caught.value) == ("not-run", "interrupted")
