"""A Dask cluster asks the fleet: its own keys, no secret, and nobody is lost with a worker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from preflight.api import cluster
from preflight.errors import UsageError
from tests.api.dask_cluster import scheduling, tls_settings
from tests.api.relay import wait_until
from tests.api.test_processes import PROJECT, fleet_file

pytestmark = pytest.mark.slow


class Result(NamedTuple):
    """How the command ended and what it said."""

    status: int
    out: str
    err: str

    @property
    def hosts(self) -> Counter[tuple[str, str | None]]:
        """Count how the hosts came out, each once."""
        hosts = json.loads(self.out)["hosts"]
        assert len({host["name"] for host in hosts}) == len(hosts)
        return Counter((host["status"], host["cause"]) for host in hosts)


@pytest.fixture
def start(tmp_path, want) -> Callable[..., subprocess.Popen[str]]:
    """Start the command, with an executor."""
    started = []

    def popen(url: str, hosts, *options: str, code: str = "pass", **environment: str):
        main = f"{code}; from preflight.cli import main; main()"
        inventory = fleet_file(tmp_path, hosts)
        command = ["check", want.requirements.path, "-i", inventory, "--executor", url]
        process = subprocess.Popen(
            [sys.executable, "-c", main, *command, "--format", "json", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(PROJECT)} | environment,
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        process.kill()
        process.communicate()


def end_of(process: subprocess.Popen[str]) -> Result:
    """Return what came of a command."""
    out, err = process.communicate(timeout=120)
    return Result(process.returncode, out, err)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("dask://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("dask://localhost:8786", "tcp://localhost:8786"),
        ("dask://[::1]:8786", "tcp://[::1]:8786"),
        ("dask+tls://scheduler.example:8786", "tls://scheduler.example:8786"),
        ("dask+insecure://10.0.0.1:8786", "tcp://10.0.0.1:8786"),
    ],
)
def test_address_of_a_scheduler(url, address):
    """TLS anywhere, plain TCP on this machine, or where the operator says that it is insecure."""
    assert address == cluster.address_of(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ray://10.0.0.1:6379", "no such executor"),
        ("dask://", "no such executor"),
        ("127.0.0.1:8786", "no such executor"),
        ("dask://127.0.0.1", "no port"),
        ("dask://10.0.0.1:8786", "without TLS anybody on the way could run code"),
        ("dask://localhost.example:8786", "without TLS"),
        ("dask://127.0.0.1@10.0.0.1:8786", "without TLS"),
    ],
)
def test_address_that_is_refused(url, words):
    """A typing error, and an open cluster elsewhere, are usage errors."""
    with pytest.raises(UsageError, match=words):
        cluster.address_of(url)


def test_worker_that_is_killed_in_mid_run(tmp_path, start, hosts_by, relay):
    """Its hosts are asked by the other worker: none is lost, and none comes twice."""
    relay.holds = True
    with scheduling(tmp_path) as running:
        workers = [running.add_worker(), running.add_worker()]
        process = start(f"dask://{running.place}", hosts_by(relay, 20))
        wait_until(relay.callers)
        (caller,) = relay.callers()
        assert caller in {worker.pid for worker in workers}
        os.kill(caller, signal.SIGKILL)
        relay.let_go()
        result = end_of(process)

    assert (1, "") == (result.status, result.err)
    assert {("probed", None): 20} == result.hosts
    assert relay.accepted > 20


def test_scheduler_that_is_killed_in_mid_run(tmp_path, start, hosts_by, relay):
    """The run ends, with a reason for each host and without a traceback."""
    relay.holds = True
    with scheduling(tmp_path) as running:
        running.add_worker()
        settings = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}
        process = start(f"dask://{running.place}", hosts_by(relay, 20), **settings)
        wait_until(relay.callers)
        running.scheduler.kill()
        result = end_of(process)

    assert (3, "") == (result.status, result.err)
    assert {("error", "internal"): 8, ("not-run", "internal"): 12} == result.hosts
    assert "the Dask scheduler is gone" in json.loads(result.out)["hosts"][0]["reason"]


def test_ctrl_c_ends_at_once(tmp_path, start, hosts_by, relay):
    """The partial report comes, and the cluster is left."""
    relay.holds = True
    with scheduling(tmp_path) as running:
        running.add_worker()
        process = start(f"dask://{running.place}", hosts_by(relay, 3))
        wait_until(relay.callers)
        process.send_signal(signal.SIGTERM)
        result = end_of(process)

    assert (143, "preflight: warning: stopped; 3 of 3 hosts were not done\n") == (
        result.status,
        result.err,
    )
    assert {("not-run", "interrupted"): 3} == result.hosts


def test_cluster_with_tls(tmp_path, start, hosts_by, relay):
    """Certificates come from Dask's own settings; without them nobody gets in."""
    settings = tls_settings(tmp_path)
    with scheduling(tmp_path, **settings) as running:
        running.add_worker()
        hosts = hosts_by(relay, 2)
        result = end_of(start(f"dask+tls://{running.place}", hosts, **settings))
        stranger = end_of(start(f"dask+tls://{running.place}", hosts))

    assert (1, "") == (result.status, result.err)
    assert {("probed", None): 2} == result.hosts
    assert 2 == stranger.status
    assert stranger.err.startswith("preflight: error: no Dask scheduler answers at tls://")


def test_other_preflight_on_a_worker(tmp_path, start, hosts_by, relay):
    """It is found before any host is asked, and both versions are named."""
    other = tmp_path / "other/preflight"
    shutil.copytree(PROJECT / "preflight", other, ignore=shutil.ignore_patterns("__pycache__"))
    init = other / "__init__.py"
    init.write_text(init.read_text().replace('__version__ = "0.1.0"', '__version__ = "0.0.9"'))
    with scheduling(tmp_path) as running:
        running.add_worker()
        running.add_worker(PYTHONPATH=str(other.parent))
        result = end_of(start(f"dask://{running.place}", hosts_by(relay, 1)))

    assert 2 == result.status
    assert "has preflight 0.0.9, and here is 0.1.0\n" in result.err
    assert "pip install 'fleet-preflight[dask]==0.1.0'" in result.err
    assert 0 == relay.accepted


def test_worker_without_preflight(tmp_path, start, hosts_by, relay):
    """It is told what to install."""
    with scheduling(tmp_path) as running:
        running.add_worker("import sys; sys.modules['preflight'] = None")
        result = end_of(start(f"dask://{running.place}", hosts_by(relay, 1)))

    assert 2 == result.status
    assert "has no preflight: " in result.err
    assert "pip install 'fleet-preflight[dask]==0.1.0'" in result.err


def test_without_the_extra(start, hosts_by, relay):
    """Whoever has not installed Dask reads what to install; all else works without it."""
    code = "import sys; sys.modules['distributed'] = None"

    result = end_of(start("dask://127.0.0.1:8786", hosts_by(relay, 1), code=code))

    assert 2 == result.status
    assert result.err == (
        "preflight: error: --executor dask://127.0.0.1:8786 needs Dask, "
        "which is not installed here\n"
        "preflight: hint: pip install 'fleet-preflight[dask]==0.1.0'\n"
    )


def test_nobody_imports_dask_who_does_not_use_it():
    """The library starts without it."""
    code = "import sys, preflight.api, preflight.api.batches; print('distributed' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False\n" == done.stdout


@pytest.mark.parametrize(
    "option", [("--local",), ("--prove",), ("--facts", "f"), ("--password-command", "touch ran")]
)
def test_options_that_mean_this_machine(start, hosts_by, relay, option):
    """What needs this machine is refused with an executor."""
    hosts = [] if option == ("--local",) else hosts_by(relay, 1)

    result = end_of(start("dask://127.0.0.1:8786", hosts, *option))

    assert 2 == result.status
    assert f"{option[0]} and --executor exclude each other" in result.err
    assert not Path("ran").exists()


def test_files_are_those_of_the_workers(tmp_path, start, hosts_by, relay):
    """A key need not be on this machine: its path means a file there."""
    host = hosts_by(relay, 1)[0]
    key = Path(host.identity_file)
    hosts = [type(host)(name="web", address=host.address, port=host.port, user=host.user)]
    with scheduling(tmp_path) as running:
        shutil.copy(key, tmp_path / "there")
        (tmp_path / "there").chmod(0o600)
        shutil.copy(host.known_hosts, tmp_path / "known")
        running.add_worker()
        options = ("--key", "~/there", "--known-hosts", "~/known")
        environment = {"HOME": str(tmp_path / "nowhere")}
        result = end_of(start(f"dask://{running.place}", hosts, *options, **environment))

    assert (1, "") == (result.status, result.err)
    assert {("probed", None): 1} == result.hosts
