"""Any executor will do, and whatever it does, each host comes out once."""

from __future__ import annotations

import multiprocessing
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from concurrent.futures import ThreadPoolExecutor as Threads
from pathlib import Path

import pytest
from msgspec import structs

import preflight
from preflight import api
from preflight.api import batches, wire
from preflight.errors import UsageError
from preflight.model.host import Host
from preflight.transport import Options as ConnectOptions
from preflight.transport.credentials.secret import Secret, Secrets
from tests.api.relay import wait_until

HERE = [Host(name=f"here{number}", transport="local") for number in range(3)]


def gone(number: int) -> list[Host]:
    """Return hosts that refuse the connection."""
    return [Host(name=f"gone{one}", address="127.0.0.1", port=1) for one in range(number)]


def statuses(outcomes) -> Counter[tuple[str, str | None]]:
    """Count how the hosts came out."""
    return Counter((one.snapshot.status, one.snapshot.cause) for one in outcomes)


def asked(hosts, want, executor, **options) -> list[api.Outcome]:
    """Return what comes of *hosts* by way of *executor*."""
    settings = api.Options(**options)
    with api.asking(hosts, lambda _: [want], settings, executor=executor) as fleet:
        return list(fleet.outcomes())


def names_in(task: bytes) -> set[str]:
    """Return the hosts that are asked for in *task*."""
    _, *lines = zlib.decompress(task).splitlines()
    receiver = wire.Receiver()
    heard = (receiver.hear(line) for line in lines)  # hosts, and what is known of credentials
    return {asked[0].name for asked in heard if isinstance(asked, tuple)}


class Executing(Executor):
    """An executor of threads; *before* sees each task, and may raise in the worker's place."""

    def __init__(self, before: Callable[[set[str]], bytes | None] = lambda _: None) -> None:
        self._threads = Threads(2)
        self._before = before
        self.tasks: list[set[str]] = []

    def submit(self, fn, /, *args, **kwargs):
        """Run the task in a thread."""
        assert fn is batches.run_batch
        self.tasks.append(names_in(*args))
        return self._threads.submit(self._run, *args, **kwargs)

    def _run(self, task: bytes) -> bytes:
        return self._before(names_in(task)) or batches.run_batch(task)

    def shutdown(self, *args, **kwargs):
        """End the threads."""
        self._threads.shutdown(*args, **kwargs)


@pytest.mark.slow
def test_report_is_the_same(want, hosts_by, relay):
    """An executor's workers say what this process says, in the given order."""
    hosts = [*hosts_by(relay, 3), *gone(3), *HERE[:1]]
    with Executing() as executor:
        one, two = (
            preflight.check([want.requirements], hosts, executor=chosen)
            for chosen in (None, executor)
        )

    assert one.verdicts == two.verdicts
    assert [(h.host, h.status, h.reason) for h in one.hosts] == [
        (h.host, h.status, h.reason) for h in two.hosts
    ]


@pytest.mark.slow
def test_answers_come_back_for_a_probe(want, hosts_by, relay):
    """What a worker collected is good for any program."""
    with Executing() as executor:
        (snapshot,) = preflight.probe(hosts_by(relay, 1), lambda _: [want], executor=executor)

    judgement = preflight.judge(want.requirements, want.start, snapshot)
    assert ("blocked", ()) == (judgement.verdict.outcome, judgement.questions)


@pytest.mark.slow
def test_processes_as_executor(want):
    """The standard library's own processes do."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        outcomes = asked(gone(20), want, executor)

    assert {("unreachable", "connection-refused"): 20} == statuses(outcomes)


def test_this_machine_is_asked_here(want):
    """What is local is so for the operator, not for some worker."""

    def never(_: set[str]) -> bytes:
        raise AssertionError

    with Executing(never) as executor:
        outcomes = asked(HERE, want, executor)

    assert {("probed", None): 3} == statuses(outcomes)
    assert [] == executor.tasks


def test_store_is_in_the_readers_home(want, tmp_path, monkeypatch):
    """A store under ``~`` is that of whoever asks: no directory of that name is made."""
    monkeypatch.chdir(tmp_path)
    with Executing() as executor:
        asked(HERE[:1], want, executor, store=Path("~/store"))

    assert (tmp_path / "store").is_dir()
    assert not Path("~").exists()


def test_first_batches_are_small_and_alone(want):
    """As long as no log-in has worked, few hosts are asked at a time by a single worker."""
    working = []

    def before(_: set[str]) -> None:
        working.append(1)
        time.sleep(0.05)
        assert sum(working) == 1
        working.append(-1)

    with Executing(before) as executor:
        outcomes = asked(gone(60), want, executor)

    assert [8, 16, 32, 4] == [len(names) for names in executor.tasks]
    assert {("unreachable", "connection-refused"): 60} == statuses(outcomes)


@pytest.mark.slow
def test_batches_go_out_together_after_a_log_in(want, hosts_by, relay):
    """Then all workers have something to do."""
    together = threading.Barrier(2, timeout=30)

    def before(names: set[str]) -> None:
        if "web0" not in names:
            together.wait()

    with Executing(before) as executor:
        outcomes = asked([*hosts_by(relay, 8), *gone(64)], want, executor)

    assert [8, 32, 32] == [len(names) for names in executor.tasks]
    assert 8 == statuses(outcomes)["probed", None]


@pytest.mark.slow
def test_wrong_key_stops_in_all_batches(want, hosts_by, relay, sshd):
    """What a worker heard of a credential goes with the next batches, to whichever worker."""
    strangers = [
        structs.replace(host, identity_file=sshd.identity("id_stranger"))
        for host in hosts_by(relay, 40)
    ]
    with ProcessPoolExecutor(
        2, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as executor:
        outcomes = asked(strangers, want, executor)

    assert {("auth-failed", "auth-refused"): 5, ("not-run", "auth-stopped"): 35} == statuses(
        outcomes
    )


def test_secrets_do_not_travel(want):
    """Whoever has a password in hand is told so before any host is asked."""
    connect = ConnectOptions(secrets=Secrets(password=Secret("canary")))

    with pytest.raises(UsageError, match="do not travel"), Executing() as executor:
        asked(gone(1), want, executor, connect=connect)

    assert [] == executor.tasks


def test_hosts_behind_one_gateway_go_together():
    """A batch may share the connection to its gateway."""
    hosts = [Host(name=f"h{n}", gateway=Host(name=f"bastion{n % 2}")) for n in range(64)]

    fleet = batches.Batches(hosts, lambda _: [], api.Options(), Executing(), answers=False)

    ways = [host.gateway.name for host in fleet._todo]
    assert ways in (sorted(ways), sorted(ways, reverse=True))


def test_failed_batch_is_split(want):
    """One host on which workers fail spoils few others, and these are asked at most 3 times."""

    def before(names: set[str]) -> None:
        if "gone7" in names:
            raise MemoryError("no room")

    with Executing(before) as executor:
        outcomes = asked(gone(300), want, executor)

    by_name = {one.snapshot.host: one.snapshot for one in outcomes}
    assert 300 == len(outcomes) == len(by_name)
    assert {("unreachable", "connection-refused"): 299, ("error", "internal"): 1} == statuses(
        outcomes
    )
    assert by_name["gone7"].reason == (
        "every batch with the host in it failed; the last: MemoryError: no room"
    )
    tries = Counter(name for names in executor.tasks for name in names)
    assert 3 == max(tries.values()) == tries["gone7"]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (b"no zlib", "what came back is no result"),
        (zlib.compress(b"{}\n"), "what came back is no result"),
        (zlib.compress(b""), "its result lacks some hosts"),
    ],
)
def test_result_that_is_none(want, result, words):
    """A worker's nonsense is a failure, not an outcome."""
    with Executing(lambda _: result) as executor:
        outcomes = asked(gone(2), want, executor)

    assert {("error", "internal"): 2} == statuses(outcomes)
    assert words in outcomes[0].snapshot.reason


def test_host_is_yielded_once(want):
    """A worker that says everything twice changes nothing."""

    class Doubling(Executing):
        def _run(self, task: bytes) -> bytes:
            return zlib.compress(zlib.decompress(batches.run_batch(task)) * 2)

    with Doubling() as executor:
        outcomes = asked(gone(20), want, executor)

    assert 20 == len(outcomes) == len({one.snapshot.host for one in outcomes})


def test_other_version_on_the_workers(want, monkeypatch):
    """A worker with another preflight refuses, and the reason names both."""
    said = wire.greeting

    def older(options: api.Options, *, answers: bool) -> bytes:
        return said(options, answers=answers).replace(b'"0.1.0"', b'"0.0.9"')

    monkeypatch.setattr(batches, "greeting", older)
    with Executing() as executor:
        outcomes = asked(gone(1), want, executor)

    assert "preflight 0.0.9 asks, and here is preflight 0.1.0" in outcomes[0].snapshot.reason


def test_executor_that_takes_nothing(want):
    """Hosts that nobody took are not-run, which is true, and end the run."""
    executor = Executing()
    executor.shutdown()

    outcomes = asked([*gone(3), *HERE[:1]], want, executor)

    assert {("not-run", "internal"): 3, ("probed", None): 1} == statuses(outcomes)
    reason = next(o.snapshot.reason for o in outcomes if o.snapshot.status == "not-run")
    assert "the executor takes no more work: RuntimeError: cannot schedule new futures" in reason


def test_executor_that_breaks(want):
    """What was with the workers then is an error, what was not is not-run."""

    class Breaking(Executor):
        def submit(self, *_args, **_kwargs):
            if done:
                raise BrokenExecutor("all workers died")
            future = Future()
            done.append(future)
            future.set_exception(BrokenExecutor("a worker died"))
            return future

    done: list[Future] = []

    outcomes = asked(gone(12), want, Breaking())

    assert {("error", "internal"): 8, ("not-run", "internal"): 4} == statuses(outcomes)


def test_stop_cancels_what_has_not_begun(want):
    """The batches that wait in the executor do not begin, and nobody waits for the others."""
    release, begun = threading.Event(), threading.Event()

    def before(_: set[str]) -> None:
        begun.set()
        release.wait(30)

    with Executing(before) as executor:
        with api.asking(gone(600), lambda _: [want], api.Options(), executor=executor) as fleet:
            fleet._let_in = True
            outcomes: list[api.Outcome] = []
            thread = threading.Thread(target=lambda: outcomes.extend(fleet.outcomes()))
            thread.start()
            begun.wait(30)
            wait_until(lambda: len(executor.tasks) == 16)
            handed = list(fleet._out)
            fleet.stop()
            thread.join(30)
        release.set()

    assert {("not-run", "interrupted"): 600} == statuses(outcomes)
    assert 14 == sum(future.cancelled() for future in handed)


def test_executor_that_falls_silent(want, monkeypatch):
    """A run with workers that never come has an end."""

    class Silent(Executor):
        def submit(self, *_args, **_kwargs):
            return Future()

    monkeypatch.setattr(batches, "_WORKERS_S", 0.1)

    outcomes = asked(gone(2), want, Silent(), timeout_s=0.1)

    assert {("not-run", "internal"): 2} == statuses(outcomes)
    assert "nothing back for too long" in outcomes[0].snapshot.reason


def test_deadline_of_the_run(want):
    """What has not come back when the run's time is over is not-run, and nobody waits for it."""
    release = threading.Event()

    def before(_: set[str]) -> None:
        release.wait(30)

    with Executing(before) as executor:
        outcomes = asked(gone(10), want, executor, deadline_s=0.5)
        release.set()

    assert {("not-run", "deadline"): 10} == statuses(outcomes)


def test_callers_error_reaches_the_caller():
    """What goes wrong in the caller's own function is raised."""

    def wants_of(_: Host) -> list[api.Want]:
        raise LookupError("no start is known")

    with (
        pytest.raises(LookupError, match="no start is known"),
        Executing() as executor,
        api.asking(gone(2), wants_of, api.Options(), executor=executor) as fleet,
    ):
        list(fleet.outcomes())


def test_batch_is_the_same_whenever_it_is_run(want):
    """A batch that an executor runs twice does no harm, and says the same."""
    lines = wire.Dispatcher().host(gone(1)[0], [want])
    greeting = wire.greeting(structs.replace(api.Options(), forks=1), answers=False)
    task = zlib.compress(greeting + lines)

    assert batches.run_batch(task) == batches.run_batch(task)
