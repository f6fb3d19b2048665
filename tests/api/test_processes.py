"""Several processes are as good as one, and lose nothing when one of them dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import structs

from preflight import api
from preflight.api import wire
from preflight.api.processes import Processes
from preflight.model.host import Host
from preflight.transport import Options as ConnectOptions
from preflight.transport.credentials.secret import Secret, Secrets
from tests.api.relay import children_of, relaying, wait_until

PROJECT = Path(__file__).parents[2]
HERE = [Host(name=f"here{number}", transport="local") for number in range(3)]
GONE = [Host(name=f"gone{number}", address="127.0.0.1", port=1) for number in range(5)]


@contextmanager
def asked(hosts, want, number=2, **options) -> Iterator[Processes]:
    """Have *number* processes ask *hosts*."""
    wanted = api.Options(processes=number, **options)
    with api.asking(hosts, lambda _: [want], wanted, answers=False) as fleet:
        assert isinstance(fleet, Processes)
        yield fleet
    wait_until(lambda: not children_of())


def statuses(outcomes) -> Counter[tuple[str, str | None]]:
    """Count how the hosts came out."""
    return Counter((one.snapshot.status, one.snapshot.cause) for one in outcomes)


def in_thread(fleet) -> tuple[list[api.Outcome], threading.Thread]:
    """Iterate over the outcomes in another thread."""
    outcomes: list[api.Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.extend(fleet.outcomes()))
    thread.start()
    return outcomes, thread


@pytest.mark.slow
def test_report_is_the_same(want):
    """Two processes say what one says, whatever became of the hosts."""
    one, two = (
        api.check([want.requirements], [*HERE, *GONE], options=api.Options(processes=number))
        for number in (1, 2)
    )

    assert one.verdicts == two.verdicts
    assert [(h.host, h.status, h.cause, h.reason) for h in one.hosts] == [
        (h.host, h.status, h.cause, h.reason) for h in two.hosts
    ]


@pytest.mark.slow
def test_answers_travel_for_a_probe(want):
    """What several processes collected judges like what one collected."""
    found = [
        next(api.probe(HERE[:2], lambda _: [want], api.Options(processes=number)))
        for number in (1, 2)
    ]

    assert found[0].answers.keys() == found[1].answers.keys() != set()


@pytest.mark.slow
def test_killed_process_loses_nothing(want, hosts_by, relay):
    """What a process was asking when it was killed is asked once more by its successor."""
    relay.holds = True
    with asked(hosts_by(relay, 12), want, forks=8) as fleet:
        outcomes, thread = in_thread(fleet)
        wait_until(relay.callers)
        (first,) = relay.callers()
        os.kill(first, signal.SIGKILL)
        relay.let_go()
        thread.join(120)

    assert {f"web{number}": 1 for number in range(12)} == Counter(
        one.snapshot.host for one in outcomes
    )
    assert {("probed", None): 12} == statuses(outcomes)


@pytest.mark.slow
def test_host_that_kills_every_process(want, hosts_by, relay, sshd):
    """It is an internal error in the end, and the others have their verdicts."""
    with relaying(sshd.port) as deadly:
        deadly.holds = True
        hosts = [*hosts_by(deadly, 1, "poison"), *hosts_by(relay, 11)]
        with asked(hosts, want, forks=8) as fleet:
            outcomes, thread = in_thread(fleet)
            wait_until(deadly.callers)
            os.kill(*deadly.callers(), signal.SIGKILL)
            wait_until(lambda: len(outcomes) == 11)
            wait_until(deadly.callers)
            os.kill(*deadly.callers(), signal.SIGKILL)
            thread.join(60)

    by_name = {one.snapshot.host: one for one in outcomes}
    poison = by_name.pop("poison0")
    assert 12 == len(outcomes)
    assert ("error", "internal") == (poison.snapshot.status, poison.snapshot.cause)
    assert "two processes ended while they asked it" in poison.snapshot.reason
    assert "SIGKILL" in poison.snapshot.reason
    assert "unknown" == poison.verdicts[0].outcome
    assert {("probed", None): 11} == statuses(by_name.values())


@pytest.mark.slow
def test_one_process_tries_the_credentials_first(want, hosts_by, relay):
    """Until a log-in has worked no other process gets a host: several could lock an account."""
    relay.holds = True
    with asked(hosts_by(relay, 24), want, forks=4) as fleet:
        outcomes, thread = in_thread(fleet)
        wait_until(relay.callers)
        wait_until(lambda: all(place.child.ready for place in fleet._places))
        callers = relay.callers()
        time.sleep(0.3)
        callers |= relay.callers()
        given = [place.asked for place in fleet._places]
        relay.let_go()
        thread.join(120)

    assert 1 == len(callers)
    assert [True, False] == [number > 0 for number in given]
    assert {("probed", None): 24} == statuses(outcomes)


@pytest.mark.slow
def test_passphrase_reaches_the_processes_and_nobody_else(want, hosts_by, relay, sshd):
    """It goes over the socket: no argument and no variable of a process shows it."""
    passphrases = ((sshd.identity("id_locked"), Secret("secret")),)
    connect = ConnectOptions(secrets=Secrets(passphrases=passphrases))
    hosts = [
        structs.replace(host, identity_file=sshd.identity("id_locked"))
        for host in hosts_by(relay, 12)
    ]
    relay.holds = True
    with asked(hosts, want, forks=4, connect=connect) as fleet:
        outcomes, thread = in_thread(fleet)
        wait_until(relay.callers)
        seen = [
            Path(f"/proc/{child}/{file}").read_bytes()
            for child in children_of()
            for file in ("cmdline", "environ")
        ]
        relay.let_go()
        thread.join(120)

    assert {("probed", None): 12} == statuses(outcomes)
    assert 4 == len(seen)
    assert not [data for data in seen if b"secret" in data]


@pytest.mark.slow
def test_wrong_key_stops_in_all_processes(want, hosts_by, relay, sshd):
    """A key that is refused five times in a row, by whichever process, is tried no more."""
    strangers = [
        structs.replace(host, identity_file=sshd.identity("id_stranger"))
        for host in hosts_by(relay, 30)
    ]
    with asked(strangers, want, forks=8) as fleet:
        alone = statuses(fleet.outcomes())
    friend = structs.replace(hosts_by(relay, 1)[0], name="friend")
    with asked([friend, *strangers], want, forks=8) as fleet:
        together = statuses(fleet.outcomes())

    assert {("auth-failed", "auth-refused"): 5, ("not-run", "auth-stopped"): 25} == alone
    assert 1 == together["probed", None]
    # Each process may have one log-in under way when it hears of the fifth refusal.
    assert 5 <= together["auth-failed", "auth-refused"] <= 6
    assert 30 == together["auth-failed", "auth-refused"] + together["not-run", "auth-stopped"]


@pytest.mark.slow
def test_hosts_stay_here_for_whoever_is_quicker(want, hosts_by, relay):
    """A process that does not get on has only some of the hosts, and the other asks the rest."""
    hosts = [*HERE[:1], *hosts_by(relay, 40)]
    with asked(hosts, want, forks=4) as fleet:
        outcomes, thread = in_thread(fleet)
        wait_until(lambda: all(place.asked for place in fleet._places))
        slow = next(iter(children_of()))
        os.kill(slow, signal.SIGSTOP)
        wait_until(lambda: len(outcomes) >= 41 - 10)
        os.kill(slow, signal.SIGCONT)
        thread.join(120)

    assert 41 == len({one.snapshot.host for one in outcomes}) == len(outcomes)


@pytest.mark.slow
def test_stop_ends_at_once(want, hosts_by, relay):
    """After `stop` the hosts that are left come out as not-run, and the processes end."""
    relay.holds = True
    with asked(hosts_by(relay, 12), want) as fleet:
        outcomes, thread = in_thread(fleet)
        wait_until(relay.callers)
        began = time.monotonic()
        fleet.stop()
        thread.join(60)
        took_s = time.monotonic() - began

    assert {("not-run", "interrupted"): 12} == statuses(outcomes)
    assert took_s < 5


@pytest.mark.slow
def test_deadline_is_kept_by_the_parent(want, hosts_by, relay):
    """What is not done when the run's time is over comes out as not-run, and says so."""
    relay.holds = True
    with asked(hosts_by(relay, 6), want, deadline_s=1.0) as fleet:
        outcomes = list(fleet.outcomes())

    assert {("not-run", "deadline"): 6} == statuses(outcomes)
    assert "the run's 1 s were over" == outcomes[0].snapshot.reason


@pytest.mark.slow
def test_store_is_kept_small(want, tmp_path):
    """The parent looks after the store's size, once for all processes."""
    store = tmp_path / "store"
    with asked(HERE, want, store=store, store_bytes=0) as fleet:
        list(fleet.outcomes())

    assert [".pruned"] == [path.name for path in store.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_leaving_early_ends_the_processes(want, hosts_by, relay):
    """Whoever stops iterating does not wait for the hosts that are left."""
    hosts = hosts_by(relay, 12)
    with asked([*HERE[:1], *hosts], want, forks=2) as fleet:
        relay.holds = True
        next(iter(fleet.outcomes()))
        began = time.monotonic()

    assert time.monotonic() - began < 10
    assert not children_of()


@pytest.mark.slow
def test_callers_error_reaches_the_caller(want):
    """What goes wrong in the caller's own function is raised, and no process is left."""

    def wants_of(host: Host) -> list[api.Want]:
        if host.name == "here1":
            raise LookupError("no start is known")
        return [want]

    with (
        pytest.raises(LookupError, match="no start is known"),
        api.asking(HERE, wants_of, api.Options(processes=2)) as fleet,
    ):
        list(fleet.outcomes())
    wait_until(lambda: not children_of())


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere"])
def test_no_process_can_be_had(want, monkeypatch, program):
    """Every host comes out, and says that it was not its fault."""
    monkeypatch.setattr(sys, "executable", program)

    with asked(HERE, want) as fleet:
        outcomes = list(fleet.outcomes())

    assert {("error", "internal"): 3} == statuses(outcomes)
    assert "no process of preflight's was left" in outcomes[0].snapshot.reason


def test_forks_and_rate_are_for_all_processes(want):
    """Each process has its part."""
    settings = api.Options(processes=3, forks=64, rate=30.0, deadline_s=60.0)
    with api.asking(GONE, lambda _: [want], settings) as fleet:
        options, _ = wire.greeted(fleet._greeting.partition(b"\n")[0])

    assert (21, 10.0, None, 1) == (
        options.forks,
        options.rate,
        options.deadline_s,
        options.processes,
    )


@pytest.mark.slow
def test_processes_end_with_their_parent(tmp_path, want, hosts_by, relay):
    """Whoever kills preflight does not leave its processes behind."""
    relay.holds = True
    process = _check(tmp_path, want, hosts_by(relay, 12))
    try:
        wait_until(relay.callers)
        children = children_of(process.pid)
        process.kill()
        process.wait()
        assert len(children) == 2
        wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_ctrl_c_leaves_the_decision_to_the_parent(tmp_path, want, hosts_by, relay):
    """A terminal's Ctrl-C reaches all processes; there is one partial report and no traceback."""
    hosts = hosts_by(relay, 12)
    process = _check(tmp_path, want, [*HERE[:1], *hosts], start_new_session=True)
    relay.holds = True
    try:
        wait_until(relay.callers)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()

    assert process.returncode == 130
    assert len([line for line in err.splitlines() if line]) == 1
    assert err.startswith("preflight: warning: stopped; ")
    assert "not-run (interrupted)" in out


@pytest.mark.slow
def test_script_is_not_run_again(tmp_path, want):
    """A script that asks in several processes needs no guard around its main part."""
    script = tmp_path / "script.py"
    script.write_text(f"""
import preflight
from preflight.model.host import Host
print("once")
hosts = [Host(name=f"here{{n}}", transport="local") for n in range(2)]
app = preflight.analyze({want.requirements.path!r})
report = preflight.check([app], hosts, options=preflight.Options(processes=2))
print(*[one.status for one in report.hosts])
""")

    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )

    assert ("once\nprobed probed\n", "") == (done.stdout, done.stderr)


def fleet_file(directory: Path, hosts) -> Path:
    """Write an inventory of *hosts*."""
    keys = ("address", "port", "user", "identity_file", "known_hosts", "transport")
    entries = {host.name: {key: getattr(host, key) for key in keys} for host in hosts}
    known = {name: {k: v for k, v in one.items() if v} for name, one in entries.items()}
    path = directory / "fleet.yaml"
    path.write_text(json.dumps({"hosts": known}))
    return path


def _hear_ctrl_c() -> None:
    """Whoever runs the tests in the background has them ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _check(tmp_path: Path, want, hosts, **settings) -> subprocess.Popen[str]:
    """Start the command with two processes."""
    inventory = fleet_file(tmp_path, hosts)
    command = ["check", want.requirements.path, "-i", inventory, "--processes", "2"]
    command += ["--progress", "none"]
    return subprocess.Popen(
        [sys.executable, "-m", "preflight", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        **settings | {"preexec_fn": _hear_ctrl_c},
    )
