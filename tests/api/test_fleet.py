"""Many hosts at a time, some of them dead: each comes to an end, and none waits for another."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import paramiko
import pytest
from msgspec import structs

from preflight.api import Fleet, Limits, Options, Outcome
from preflight.model.host import Host
from preflight.transport import Options as ConnectOptions
from tests.api.relay import copy
from tests.transport.conftest import free_port, host_of, wait_until
from tests.transport.scripted import GREETING, Rules, host_at, serving, speaking_ssh

pytestmark = pytest.mark.slow

HERE = Host(name="here", transport="local")


def asked(hosts, **options: object) -> dict[str, Outcome]:
    """Ask *hosts* for their facts, and return what came of each."""
    with Fleet(hosts, lambda _: [], Options(**options)) as fleet:
        return {outcome.snapshot.host: outcome for outcome in fleet.outcomes()}


def verdict(outcome: Outcome) -> tuple[str, str | None]:
    """Return the two words of the report."""
    return outcome.snapshot.status, outcome.snapshot.cause


def open_files() -> int:
    """Return how many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.slow
def test_dead_hosts_cost_one_connect_timeout(sshd, tmp_path, dead):
    """500 hosts that drop every SYN hold up no worker of 50 live ones, and leave nothing behind."""
    live = [host_of(sshd, tmp_path, name=f"live{n}") for n in range(50)]
    gone = [structs.replace(dead, name=f"dead{n}") for n in range(500)]
    mixed = [one for n, host in enumerate(live) for one in (host, *gone[10 * n : 10 * n + 10])]
    options = {"forks": 8, "connect": ConnectOptions(connect_timeout_s=4)}
    began = time.monotonic()
    asked(live, **options)
    without_s = time.monotonic() - began
    threads, files = threading.active_count(), open_files()
    most = []

    def count(_: Host) -> list:
        most.append(threading.active_count())
        return []

    began = time.monotonic()
    with Fleet(mixed, count, Options(**options)) as fleet:
        outcomes = {one.snapshot.host: verdict(one) for one in fleet.outcomes()}
    elapsed_s = time.monotonic() - began

    assert {outcomes[host.name] for host in live} == {("probed", None)}
    assert {outcomes[host.name] for host in gone} == {("timeout", "connect-timeout")}
    # One connect timeout, or the live hosts alone; a busy machine is not the engine's fault.
    assert elapsed_s < max(4.0, 1.5 * without_s) + 2.5
    # Eight workers and as many connections; the rest is a handful of threads in all.
    assert max(most) <= threads + 8 + 8 + 24
    wait_until(lambda: open_files() <= files, 10)


class Hang(Rules):
    """Lets in, and never answers."""

    def run(self, _channel):
        """Say nothing."""


class DropAtLogin(Rules):
    """Hangs up when it sees a key."""

    def check_auth_publickey(self, _username, _key):
        """Hang up."""
        self.transport.close()
        return paramiko.AUTH_FAILED


@pytest.fixture
def known(keys, tmp_path):
    """Return a function that makes a host of a port, with its key known."""

    def host(port: int) -> Host:
        public = (keys / "host_ed25519.pub").read_text()
        path = tmp_path / f"known_{port}"
        path.write_text(f"[127.0.0.1]:{port} {public}")
        return host_at(port, known_hosts=str(path), identity_file=str(keys / "id_good"))

    return host


@pytest.fixture
def host_key(keys) -> paramiko.PKey:
    """Return the private key of scripted hosts."""
    return paramiko.PKey.from_path(keys / "host_ed25519")


def counted(script):
    """Return *script*, and the list to which each of its connections adds its number."""
    calls: list[int] = []

    def counting(connection: socket.socket) -> None:
        calls.append(len(calls) + 1)
        script(connection)

    return counting, calls


def hang_up_after_greeting(connection: socket.socket) -> None:
    """Say who we are, and go."""
    connection.sendall(GREETING)
    connection.recv(4096)


@pytest.mark.parametrize(
    "script",
    [lambda _: None, hang_up_after_greeting, lambda c: c.sendall(b"Exceeded MaxStartups\r\n")],
    ids=["before the greeting", "after it", "throttled"],
)
def test_a_broken_connection_is_tried_again(known, script):
    """A fault of the way there gets two more tries, and the reason says how many there were."""
    script, calls = counted(script)
    with serving(script) as port:
        (outcome,) = asked([known(port)]).values()

    assert calls == [1, 2, 3]
    assert outcome.snapshot.status == "unreachable"
    assert outcome.snapshot.reason.endswith("(tried 3 times)")


def test_no_retries_are_made_without_leave(known):
    """With no retries there is one try."""
    script, calls = counted(hang_up_after_greeting)
    with serving(script) as port:
        (outcome,) = asked([known(port)], retries=0).values()

    assert calls == [1]
    assert "tried" not in outcome.snapshot.reason


def test_a_host_that_comes_back_is_probed(sshd, tmp_path, known):
    """A server that drops two connections and takes the third costs nothing but a moment."""
    calls = []

    def script(connection: socket.socket) -> None:
        calls.append(1)
        if len(calls) < 3:
            return
        with socket.create_connection(("127.0.0.1", sshd.port)) as behind:
            back = threading.Thread(target=copy, args=(behind, connection))
            back.start()
            copy(connection, behind)
            back.join()

    with serving(script) as port:
        host = host_of(sshd, tmp_path, known_hosts=known(port).known_hosts, port=port)
        (outcome,) = asked([host]).values()

    assert len(calls) == 3
    assert verdict(outcome) == ("probed", None)


def test_a_pause_before_a_retry_holds_no_worker(known):
    """While a host waits for its next try, another one is asked by the only worker."""
    script, calls = counted(lambda _: None)
    done = []
    with (
        serving(script) as port,
        Fleet([known(port), HERE], lambda _: [], Options(forks=1)) as fleet,
    ):
        done += [outcome.snapshot.host for outcome in fleet.outcomes()]

    assert len(calls) == 3
    assert set(done) == {"odd", "here"}


def test_refusals_are_not_tried_again(sshd, tmp_path, known):
    """A host that said no, or nothing till the timeout, is asked once."""
    hold, held = counted(lambda connection: connection.recv(4096) and connection.recv(4096))
    stranger = host_of(sshd, tmp_path, name="refused", identity_file=sshd.identity("id_stranger"))
    closed = Host(name="closed", address="127.0.0.1", port=free_port())
    with serving(hold) as port:
        silent = structs.replace(known(port), name="silent")
        outcomes = asked([stranger, closed, silent], connect=ConnectOptions(connect_timeout_s=0.5))

    assert verdict(outcomes["refused"]) == ("auth-failed", "auth-refused")
    assert verdict(outcomes["closed"]) == ("unreachable", "connection-refused")
    assert verdict(outcomes["silent"]) == ("timeout", "banner-timeout")
    assert held == [1]
    assert not [one for one in outcomes.values() if "tried" in one.snapshot.reason]


def test_a_log_in_that_was_cut_off_is_not_tried_again(known, host_key):
    """A host that hangs up on a key may count refusals; it is asked once."""
    logins = []

    class Counting(DropAtLogin):
        def check_auth_publickey(self, username, key):
            logins.append(1)
            return super().check_auth_publickey(username, key)

    with speaking_ssh(host_key, Counting) as port:
        (outcome,) = asked([known(port)]).values()

    assert verdict(outcome) == ("unreachable", "connection-lost")
    assert logins == [1]


def test_a_host_that_falls_silent_has_a_limit_of_its_own(known, host_key):
    """A host that never answers in mid-talk ends long before its time as a whole."""
    began = time.monotonic()
    with speaking_ssh(host_key, Hang) as port:
        (outcome,) = asked([known(port)], limits=Limits(silence_s=0.5)).values()

    assert verdict(outcome) == ("timeout", "answer-timeout")
    assert time.monotonic() - began < 20


def test_the_run_ends_at_its_deadline(known, host_key):
    """What is not done by then is not-run, whatever it hangs in; what is done is kept."""
    began = time.monotonic()
    with speaking_ssh(host_key, Hang) as port:
        hung = [structs.replace(known(port), name=f"hung{n}") for n in range(4)]
        outcomes = asked([HERE, *hung], forks=3, deadline_s=6.0)

    assert verdict(outcomes["here"]) == ("probed", None)
    assert {verdict(outcomes[host.name]) for host in hung} == {("not-run", "deadline")}
    assert outcomes["hung0"].snapshot.reason == "the run's 6 s were over"
    assert 6.0 <= time.monotonic() - began < 12


def test_hosts_that_were_not_even_taken_are_not_run(known, host_key):
    """A sequence is reported whole after a stop, an iterable as far as it was read."""
    with speaking_ssh(host_key, Hang) as port:
        hung = [structs.replace(known(port), name=f"hung{n}") for n in range(40)]
        whole = asked(hung, forks=1, deadline_s=1.0)
        part = asked(iter(hung), forks=1, deadline_s=1.0)

    assert [host.name for host in hung] == sorted(whole, key=lambda name: int(name[4:]))
    assert 0 < len(part) < 40
    assert {verdict(one) for one in (*whole.values(), *part.values())} == {("not-run", "deadline")}


def test_hosts_are_taken_from_an_iterable_as_they_come():
    """A host is asked before the next one is known."""
    more = threading.Event()

    def source() -> Iterator[Host]:
        yield HERE
        more.wait(30)
        yield structs.replace(HERE, name="later")

    done = []
    with Fleet(source(), lambda _: [], Options()) as fleet:
        for outcome in fleet.outcomes():
            done.append(outcome.snapshot.host)
            more.set()

    assert done == ["here", "later"]


def test_an_error_of_the_source_reaches_the_caller():
    """What goes wrong where the hosts come from is raised."""

    def source() -> Iterator[Host]:
        yield HERE
        raise LookupError("no more hosts")

    with pytest.raises(LookupError, match="no more hosts"):
        asked(source())


def test_an_outcome_that_nobody_takes_holds_up_the_workers(monkeypatch):
    """Memory does not grow with a caller that is slow."""
    monkeypatch.setattr("preflight.api.fleet._UNREAD", 2)
    judged = []

    def wants_of(host: Host) -> list:
        judged.append(host.name)
        return []

    hosts = [Host(name=f"h{n}", address="a..b") for n in range(12)]
    with Fleet(hosts, wants_of, Options(forks=1)) as fleet:
        outcomes = fleet.outcomes()
        next(outcomes)
        wait_until(lambda: len(judged) >= 4)
        time.sleep(0.3)
        assert len(judged) <= 5
        assert len(list(outcomes)) == 11


def test_the_end_of_the_process_waits_for_nobody(dead):
    """Leaving while hosts hang at every stage takes no longer than hanging up."""
    began = time.monotonic()
    with Fleet([dead, HERE], lambda _: [], Options()) as fleet:
        for outcome in fleet.outcomes():
            assert outcome.snapshot.host == "here"
            break

    assert time.monotonic() - began < 10
