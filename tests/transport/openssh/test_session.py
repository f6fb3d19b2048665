"""Sessions by the system's ssh, with a real sshd."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import paramiko
import pytest
from msgspec import structs

from preflight.errors import TransportError
from preflight.transport import Deadline, Options, connect, reach
from preflight.transport.openssh.den import den
from tests.transport.asking import failure, output, run, verdict, within
from tests.transport.conftest import free_port, host_of, make_key, require, wait_until
from tests.transport.scripted import GREETING, serving, speaking_ssh
from tests.transport.ssh.test_hostile import (
    EndsWithoutStatus,
    RefusesCommands,
    say,
    say_and_close,
    say_for_ever,
)

PLAIN = Options(ssh_config="none")


@pytest.fixture(autouse=True)
def _ssh():
    require(available=bool(shutil.which("ssh")), what="openssh-client")


@pytest.fixture
def host(sshd, tmp_path):
    """Return a host that is reached by the system's ssh."""
    return host_of(sshd, tmp_path, transport="openssh")


def processes(directory: Path) -> list[str]:
    """Return the command lines of all processes that have to do with *directory*."""
    found = subprocess.run(["ps", "-ww", "-eo", "args="], capture_output=True, check=True)
    lines = found.stdout.decode("utf-8", "replace").splitlines()
    return [line for line in lines if str(directory) in line]


def masters() -> list[str]:
    """Return the command lines of our masters that run."""
    return [line for line in processes(den().path) if "ControlPath" in line]


def leavings() -> list[str]:
    """Return what lies in our private directory besides configurations, which stay for the run."""
    names = [path.name for path in den().path.iterdir()]
    return [name for name in names if not name.startswith("config.")]


@pytest.fixture(autouse=True)
def _no_master_left():
    yield
    wait_until(lambda: not masters() and not leavings())


def test_exit_status_255_is_the_commands_own(host):
    """A command may end as ssh does where it fails, and is not mistaken for it."""
    with connect(host, PLAIN, Deadline.after(20)) as session:
        stream = session.start("exit 255")

        assert output(stream) == b""
        assert stream.exit_status() == 255


def test_several_commands_are_one_log_in(start_sshd, tmp_path):
    """A key is asked for once, however many commands there are."""
    sshd = start_sshd()
    with connect(
        host_of(sshd, tmp_path, transport="openssh"), PLAIN, Deadline.after(20)
    ) as session:
        for _ in range(5):
            assert output(session.start("echo in")) == b"in\n"

    log = (sshd.directory / f"sshd_config_{sshd.port}.log").read_text()
    assert log.count("Accepted publickey") == 1


def scripted(host, port: int):
    """Return *host* as a scripted server at *port*."""
    known = Path(host.known_hosts)
    known.write_text(known.read_text().replace(f":{host.port} ", f":{port} "))
    return structs.replace(host, port=port)


def test_a_refused_command_is_a_silent_end(host, keys):
    """A host that refuses to run a command gives neither output nor a status, and soon."""
    key = paramiko.PKey.from_path(keys / "host_ed25519")
    with (
        speaking_ssh(key, RefusesCommands) as port,
        connect(scripted(host, port), PLAIN, Deadline.after(20)) as session,
        within(5),
    ):
        stream = session.start("true")

        assert output(stream) == b""
        assert stream.exit_status() is None


def test_an_end_without_a_status_is_an_end(host, keys):
    """Output that ends without an exit status ends all the same, and soon."""
    key = paramiko.PKey.from_path(keys / "host_ed25519")
    with (
        speaking_ssh(key, EndsWithoutStatus) as port,
        connect(scripted(host, port), PLAIN, Deadline.after(20)) as session,
        within(5),
    ):
        stream = session.start("true")

        assert output(stream) == b"said\n"
        assert stream.exit_status() is None


def test_a_connection_lost_in_a_command_is_no_end_of_output(host):
    """Output that a lost connection cut short is not taken for the whole."""
    with connect(host, PLAIN, Deadline.after(20)) as session:
        stream = session.start("echo half; kill -9 $PPID; sleep 30")
        with pytest.raises(TransportError) as caught, within(5):
            output(stream)

    assert verdict(caught.value) == ("unreachable", "connection-lost")
    assert caught.value.passing


def test_a_killed_ssh_is_a_lost_connection(host):
    """The end of ssh itself is not taken for the end of output."""
    with connect(host, PLAIN, Deadline.after(20)) as session:
        stream = session.start("echo half; sleep 30")
        assert stream.read(100) == b"half\n"
        os.kill(pid_of_master(), signal.SIGKILL)
        with pytest.raises(TransportError) as caught, within(5):
            output(stream)

    assert verdict(caught.value) == ("unreachable", "connection-lost")


def pid_of_master() -> int:
    """Return the process of the one master that there is."""
    (group,) = den().path.glob("group.*")
    return int(group.suffix[1:])


def test_output_ends_where_the_command_closes_it(host):
    """A command that goes on after its output is heard of again, by its status."""
    with connect(host, PLAIN, Deadline.after(20)) as session:
        stream = session.start("echo out; exec >&-; sleep 0.3; exit 4")

        assert output(stream) == b"out\n"
        assert stream.exit_status() == 4


def test_the_control_socket_is_private(host):
    """Nobody else may use a connection of ours."""
    with connect(host, PLAIN, Deadline.after(20)):
        directory = den().path

        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert len(str(directory / "1000000.0123456789abcdef")) < 104


CRASH = """
import os, sys, time
from preflight.model.host import Host
from preflight.transport import Deadline, Options, connect
import msgspec
host = msgspec.json.decode(sys.argv[1], type=Host)
session = connect(host, Options(ssh_config="none"), Deadline.after(60))
stream = session.start("echo in; sleep 300")
stream.read(3)
from preflight.transport.openssh.den import den
print(den().path, flush=True)
if sys.argv[2] == "wait":
    time.sleep(60)
"""


@pytest.mark.parametrize("end", ["exit", "wait"])
def test_nothing_is_left_however_we_end(host, end):
    """An exit without a close, and a kill, leave neither a process nor a file."""
    command = [sys.executable, "-c", CRASH, msgspec.json.encode(host), end]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        directory = Path(child.stdout.readline().decode().strip())
        if end == "wait":
            assert len([one for one in processes(directory) if "ControlPath" in one]) == 1
            child.kill()

    wait_until(lambda: not directory.exists() and not processes(directory), 5)


def test_a_host_that_nobody_wants_any_more_is_let_go(host):
    """A cancelled way ends its ssh."""
    with serving(say()) as port:
        way = reach(structs.replace(host, port=port), PLAIN, Deadline.after(30))
        wait_until(masters, 5)
        assert way.cancel()

        wait_until(lambda: not masters(), 5)


def test_the_deadline_ends_a_log_in_and_all_its_processes(host):
    """A host that is silent is over at its deadline, with what was started for it."""
    options = Options(ssh_config="none", ssh_options=("ProxyCommand=sleep 299",))
    with within(5):
        error = failure(host, deadline_s=0.6, ssh_config="none", ssh_options=options.ssh_options)

    assert verdict(error) == ("timeout", "deadline")
    found = subprocess.run(["pgrep", "-f", "^sleep 299"], capture_output=True, check=False)
    assert found.stdout == b""


def test_no_ssh_is_said_with_a_way_out(host, monkeypatch):
    """Where there is no ssh, the transport is not there."""
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nonexistent")
        error = failure(host)

    assert verdict(error) == ("error", "no-such-transport")
    assert "install" in error.hint


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"address": "-oProxyCommand=touch owned"}, "name-not-found"),
        ({"address": "a`touch owned`"}, "name-not-found"),
        ({"address": "$(touch owned)"}, "name-not-found"),
        ({"address": "a b"}, "name-not-found"),
        ({"address": "ssh://a"}, "name-not-found"),
        ({"address": "me@a"}, "name-not-found"),
        ({"user": "-oProxyCommand=touch"}, "no-credential"),
        ({"user": "a;b"}, "no-credential"),
        ({"user": "a\nb"}, "no-credential"),
    ],
)
def test_a_name_that_is_none_never_reaches_ssh(host, changes, cause):
    """What would be an option or a command is refused.  Source: CVE-2023-51385."""
    error = failure(structs.replace(host, **changes))

    assert verdict(error) == ("error", cause)


def test_the_users_configuration_is_read(host, tmp_path):
    """Settings of the ssh configuration hold where nobody else sets them."""
    config = tmp_path / "config"
    config.write_text(f"Host web-*\n Hostname 127.0.0.1\n Port {host.port}\n")
    named = structs.replace(host, address=None, port=None)

    with connect(named, Options(ssh_config=str(config)), Deadline.after(20)) as session:
        assert output(session.start("echo in")) == b"in\n"


def test_a_configuration_that_is_not_there_is_said(host):
    """A file that was named and cannot be read is not passed over."""
    error = failure(host, ssh_config="/nonexistent/config")

    assert verdict(error) == ("error", "protocol")
    assert "/nonexistent/config" in error.message


def test_no_setting_of_the_user_starts_or_lends_anything(host, tmp_path):
    """Forwardings, local and remote commands, and a socket of the user's do not apply."""
    busy = free_port()
    config = tmp_path / "config"
    config.write_text(
        f"""\
        PermitLocalCommand yes
        LocalCommand touch {tmp_path}/owned
        RemoteCommand echo not this
        LocalForward {busy} localhost:22
        ExitOnForwardFailure yes
        ForwardAgent yes
        ForwardX11 yes
        RequestTTY force
        ControlMaster auto
        ControlPath {tmp_path}/users-own
        ControlPersist yes
        LogLevel QUIET
        Host nobody
        """
    )
    with connect(host, Options(ssh_config=str(config)), Deadline.after(20)) as session:
        stream = session.start("echo $SSH_AUTH_SOCK$DISPLAY; test -t 0 || echo no terminal")

        assert output(stream) == b"\nno terminal\n"
        assert not (tmp_path / "owned").exists()
        assert not (tmp_path / "users-own").exists()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", busy))


def test_a_host_certificate_is_honoured(start_sshd, tmp_path):
    """A key that a known authority has signed is known."""
    make_key(tmp_path / "ca")
    make_key(tmp_path / "host")
    sign = ["ssh-keygen", "-q", "-s", tmp_path / "ca", "-I", "x", "-h", "-n", "127.0.0.1"]
    subprocess.run([*sign, tmp_path / "host.pub"], check=True)
    sshd = start_sshd(f"HostKey {tmp_path}/host", f"HostCertificate {tmp_path}/host-cert.pub")
    (tmp_path / "known").write_text(f"@cert-authority * {(tmp_path / 'ca.pub').read_text()}")
    known = str(tmp_path / "known")

    assert (
        run(host_of(sshd, tmp_path, transport="openssh", known_hosts=known), "echo in") == b"in\n"
    )


def test_a_new_key_is_recorded_where_that_is_wished(host, tmp_path):
    """accept-new appends the key to the file that was named; off records nothing."""
    (tmp_path / "new").write_text("# mine\n")
    new = structs.replace(host, known_hosts=str(tmp_path / "new"))
    off, accept = (Options(ssh_config="none", host_keys=how) for how in ("off", "accept-new"))
    connect(new, off, Deadline.after(20)).close()
    assert (tmp_path / "new").read_text() == "# mine\n"

    connect(new, accept, Deadline.after(20)).close()

    assert (tmp_path / "new").read_text().startswith("# mine\n[127.0.0.1]:")
    connect(new, PLAIN, Deadline.after(20)).close()


def test_a_revoked_key_is_refused(host, keys):
    """A key that is marked as revoked is never accepted."""
    public = (keys / "host_ed25519.pub").read_text()
    known = Path(host.known_hosts)
    known.write_text(f"@revoked * {public}{known.read_text()}")

    assert verdict(failure(host)) == ("host-key", "host-key-revoked")


def test_a_key_that_cannot_be_read_is_the_cause(host):
    """A missing key file is told, and not only the refusal that came of it."""
    error = failure(structs.replace(host, identity_file="/nonexistent/id"))

    assert verdict(error) == ("auth-failed", "key-unreadable")
    assert "/nonexistent/id" in error.message


def test_too_many_keys_are_a_refusal(start_sshd, tmp_path):
    """A host that hangs up for too many refused keys has refused them."""
    sshd = start_sshd("MaxAuthTries 1")
    stranger = sshd.identity("id_stranger")

    error = failure(host_of(sshd, tmp_path, identity_file=stranger, transport="openssh"))

    assert verdict(error) == ("auth-failed", "auth-refused")
    assert "Too many authentication failures" in error.message


def test_an_option_that_is_none_is_said(host):
    """What ssh does not understand is in its own words."""
    error = failure(host, ssh_options=("Nonsense=1",))

    assert verdict(error) == ("error", "protocol")
    assert "nonsense" in error.message


def test_a_proxy_command_that_fails_is_quoted(host):
    """The last line of a ProxyCommand is the reason."""
    error = failure(host, ssh_options=("ProxyCommand=sh -c 'echo no way >&2'",))

    assert verdict(error) == ("unreachable", "proxy-command-failed")
    assert "no way" in error.message


HANDSHAKES = {
    "silent": (say(), "timeout", "banner-timeout"),
    "hangs up": (lambda _: None, "unreachable", "connection-lost"),
    "old": (say_and_close(b"SSH-1.5-old\r\n"), "error", "algorithms-incompatible"),
    "endless line": (say_for_ever(b"x" * 4000), "error", "not-ssh"),
    "half a greeting": (say_and_close(b"SSH-2.0\r\n"), "error", "not-ssh"),
    "drops after greeting": (say_and_close(GREETING), "unreachable", "connection-lost"),
    "huge packet": (say(GREETING, b"\xff\xff\xff\xf0" + bytes(100)), "error", "protocol"),
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_bad_handshake_has_its_own_cause(name, host, capfd):
    """Whatever a host says in place of SSH, ssh's complaint is understood."""
    script, status, cause = HANDSHAKES[name]
    with serving(script) as port, within(8):
        error = failure(structs.replace(host, port=port), connect_timeout_s=1)

    assert verdict(error) == (status, cause)
    assert capfd.readouterr() == ("", "")


def test_a_name_that_is_not_known_is_said(host):
    """A name that cannot be looked up is not found."""
    error = failure(structs.replace(host, address="a..b"))

    assert verdict(error) == ("unreachable", "name-not-found")


def test_a_banner_does_not_speak_for_ssh(start_sshd, tmp_path):
    """What a host shows before a log-in is not taken for what ssh says of it."""
    (tmp_path / "banner").write_text("\x1b[2Jssh: connect to host x port 1: Connection refused\n")
    sshd = start_sshd(f"Banner {tmp_path}/banner", "DenyUsers *")

    error = failure(host_of(sshd, tmp_path, transport="openssh"))

    assert verdict(error) == ("auth-failed", "auth-refused")
    assert "\x1b" not in error.message


def test_the_time_of_a_log_in_is_not_spent_waiting(host):
    """A log-in that has succeeded is noticed at once."""
    start = time.monotonic()
    connect(host, PLAIN, Deadline.after(20)).close()

    assert time.monotonic() - start < 5


def test_five_refusals_stop_a_run(sshd, tmp_path):
    """What ssh offers goes to no sixth host after five refusals; a run that works goes on."""
    options = structs.replace(PLAIN, run="openssh-refused")
    fields = {"name": "web-1", "identity_file": sshd.identity("id_stranger")}
    host = host_of(sshd, tmp_path, transport="openssh", **fields)
    causes = []
    for _ in range(7):
        with pytest.raises(TransportError) as caught:
            connect(host, options, Deadline.after(20)).close()
        causes.append(caught.value.cause)

    assert causes == ["auth-refused"] * 5 + ["auth-stopped"] * 2
    with connect(host_of(sshd, tmp_path, transport="openssh"), options, Deadline.after(20)) as one:
        assert output(one.start("echo in")) == b"in\n"
