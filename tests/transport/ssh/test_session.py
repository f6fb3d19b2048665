"""SSH sessions with a real sshd."""

from __future__ import annotations

import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from preflight.errors import TransportError
from preflight.transport import Deadline, Options, connect
from tests.transport.asking import failure, output, run, verdict, within
from tests.transport.conftest import free_port, host_of, make_key, require


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
    with within(4), connect(host, Options(), Deadline.after(0.8)) as session:
        stream = session.start("sleep 30")
        with pytest.raises(TransportError) as caught:
            stream.read(1)

    assert verdict(caught.value) == ("timeout", "deadline")


def test_the_deadline_ends_a_command_that_floods(host):
    """A command that never stops printing is over at the host's deadline."""
    with within(4), connect(host, Options(), Deadline.after(0.8)) as session:
        stream = session.start("exec cat /dev/zero")
        with pytest.raises(TransportError) as caught:
            output(stream)

    assert verdict(caught.value) == ("timeout", "deadline")


def test_the_deadline_ends_input_that_nobody_reads(host):
    """Input that a command does not take is over at the host's deadline."""
    with within(4), connect(host, Options(), Deadline.after(0.8)) as session:
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


def test_a_nologin_shell_ends_before_it_runs_anything(sshd, tmp_path):
    """A nologin account connects, prints its refusal and fails: the probe sees no answer."""
    require(available=os.geteuid() == 0, what="root")
    host = host_of(sshd, tmp_path, user="nobody")
    with connect(host, Options(), Deadline.after(20)) as session:
        stream = session.start("echo ran")

        assert b"ran" not in output(stream)
        assert stream.exit_status() == 1


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_the_recorded_type_of_key_is_asked_for(sshd, tmp_path, kind):
    """A host with keys of three types is known by whichever of them is recorded."""
    known = sshd.known_hosts(tmp_path / "known", kind)

    assert run(host_of(sshd, tmp_path, known_hosts=known), "echo in") == b"in\n"


def test_all_recorded_types_are_asked_for_before_others(sshd, tmp_path):
    """A host that gave up the first of its recorded types is known by the second."""
    make_key(tmp_path / "former", "ecdsa", "-b521")
    former = (tmp_path / "former.pub").read_text()
    known = tmp_path / "known"
    sshd.known_hosts(known, "rsa")
    known.write_text(f"[127.0.0.1]:{sshd.port} {former}{known.read_text()}")

    assert run(host_of(sshd, tmp_path, known_hosts=str(known)), "echo in") == b"in\n"


def test_a_hashed_name_is_known(sshd, tmp_path):
    """A name that ssh-keygen hashed is found."""
    known = sshd.known_hosts(tmp_path / "known")
    subprocess.run(["ssh-keygen", "-H", "-f", known], check=True, capture_output=True)

    assert "|1|" in (tmp_path / "known").read_text()
    assert run(host_of(sshd, tmp_path, known_hosts=known), "echo in") == b"in\n"


def test_an_unknown_key_is_refused_before_any_log_in(sshd, tmp_path):
    """A host of which nothing is recorded is refused, with its fingerprint."""
    (tmp_path / "empty").touch()
    host = host_of(sshd, tmp_path, known_hosts=str(tmp_path / "empty"))

    error = failure(host)

    assert verdict(error) == ("host-key", "host-key-unknown")
    assert "SHA256:" in error.message
    assert str(tmp_path / "empty") in error.message


def test_a_changed_key_is_refused_with_its_place(sshd, tmp_path):
    """A host with another key than the recorded one is refused, with the line that says so."""
    stranger = (sshd.directory / "id_stranger.pub").read_text()
    (tmp_path / "known").write_text(f"# a comment\n[127.0.0.1]:{sshd.port} {stranger}")

    error = failure(host_of(sshd, tmp_path, known_hosts=str(tmp_path / "known")))

    assert verdict(error) == ("host-key", "host-key-changed")
    assert f"{tmp_path}/known:2" in error.message
    assert error.message.count("SHA256:") == 2


def test_a_bad_line_warns_and_loses_nothing(sshd, tmp_path):
    """A line that is not valid becomes a warning of the session; the others still count."""
    known = sshd.known_hosts(tmp_path / "known")
    (tmp_path / "known").write_text("nonsense\n" + (tmp_path / "known").read_text())

    with connect(
        host_of(sshd, tmp_path, known_hosts=known), Options(), Deadline.after(20)
    ) as session:
        assert session.warnings == (f"{known}:1: not 'names type key'",)


def test_the_default_files_are_those_of_the_home_directory(sshd, tmp_path):
    """Without any setting, ~/.ssh has the known hosts and the keys."""
    (tmp_path / ".ssh").mkdir()
    sshd.known_hosts(tmp_path / ".ssh/known_hosts")
    os.link(sshd.identity(), tmp_path / ".ssh/id_ed25519")
    host = host_of(sshd, tmp_path, known_hosts=None, identity_file=None)

    assert run(host, "echo in") == b"in\n"


def test_a_refused_key_is_named(sshd, tmp_path):
    """A key that the host does not accept is named, with the methods that it would."""
    error = failure(host_of(sshd, tmp_path, identity_file=sshd.identity("id_stranger")))

    assert verdict(error) == ("auth-failed", "auth-refused")
    assert "id_stranger" in error.message
    assert "SHA256:" in error.message
    assert "publickey, password" in error.message


def test_nothing_to_offer_is_said(sshd, tmp_path):
    """Without any key, the host's methods are named."""
    error = failure(host_of(sshd, tmp_path, identity_file=None))

    assert verdict(error) == ("auth-failed", "no-credential")
    assert "publickey, password" in error.message


def test_a_host_that_wants_two_factors_is_refused(start_sshd, tmp_path):
    """A key that is only the first factor does not count as a log-in."""
    error = failure(host_of(start_sshd("AuthenticationMethods publickey,password"), tmp_path))

    assert verdict(error) == ("auth-failed", "auth-refused")
    assert "accepted, but not enough" in error.message


def test_too_many_keys_are_told_from_a_lost_connection(start_sshd, tmp_path):
    """A host that hangs up for too many refused keys has refused them."""
    sshd = start_sshd("MaxAuthTries 1")
    error = failure(host_of(sshd, tmp_path, identity_file=sshd.identity("id_stranger")))

    assert verdict(error) == ("auth-failed", "auth-refused")


def test_no_common_cipher_is_said_with_both_lists(start_sshd, tmp_path):
    """A host with none of our ciphers is told by name, and so are ours."""
    error = failure(host_of(start_sshd("Ciphers chacha20-poly1305@openssh.com"), tmp_path))

    assert verdict(error) == ("error", "algorithms-incompatible")
    assert "chacha20-poly1305@openssh.com" in error.message
    assert "aes128-ctr" in error.message


def test_a_host_without_sessions_has_no_shell(start_sshd, tmp_path):
    """A host that lets in but opens no session has no shell."""
    with (
        connect(
            host_of(start_sshd("MaxSessions 0"), tmp_path), Options(), Deadline.after(20)
        ) as session,
        pytest.raises(TransportError) as caught,
    ):
        session.start("true")

    assert verdict(caught.value) == ("error", "no-shell")


def test_a_closed_port_is_refused_at_once(sshd, tmp_path):
    """Where nothing listens, the connection is refused."""
    with within(1):
        error = failure(host_of(sshd, tmp_path, port=free_port()))

    assert verdict(error) == ("unreachable", "connection-refused")


def test_many_hosts_are_asked_at_a_time(host):
    """64 connections at a time all come back."""
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: run(host, "echo in", 60), range(64)))

    assert answers == [b"in\n"] * 64


def test_a_session_can_be_closed_twice(host):
    """Closing is idempotent, and a closed session starts nothing."""
    session = connect(host, Options(), Deadline.after(20))
    session.close()
    session.close()

    with pytest.raises(TransportError) as caught:
        session.start("true")
    assert verdict(caught.value) == ("not-run", "interrupted")


def test_a_key_that_was_made_anew_is_read_anew(sshd, tmp_path):
    """A key file that changed during a run is not remembered as it was."""
    make_key(tmp_path / "id")
    host = host_of(sshd, tmp_path, identity_file=str(tmp_path / "id"))
    assert verdict(failure(host)) == ("auth-failed", "auth-refused")

    (tmp_path / "id").unlink()
    os.link(sshd.identity(), tmp_path / "id")

    assert run(host, "echo in") == b"in\n"
