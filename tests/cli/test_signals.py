"""Ctrl-C, SIGTERM and SIGHUP: what is known is reported at once, and a second one ends it all."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest


@pytest.fixture
def running(start, program, inventory, silent):
    """A check of two hosts of which one is done and one, in ``wait``, is still being asked."""
    port = silent.getsockname()[1]
    inventory(here="transport: local", hung=f"address: 127.0.0.1, port: {port}")
    process = start("check", program(), "--format", "json", "--connect-timeout", "60")
    connection, _ = silent.accept()
    wait_for(Path("cache/preflight/hints"))
    with connection:
        yield process


def wait_for(path: Path) -> None:
    """Wait until *path* is there, and a little longer for what follows."""
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)
    time.sleep(0.3)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_signal_ends_with_the_partial_report(running, number, status):
    """The hosts that are done have their verdicts, the others are not-run."""
    running.send_signal(number)
    out, err = running.communicate(timeout=10)

    report = json.loads(out)
    assert status == running.returncode
    assert {"here": "probed", "hung": "not-run"} == {
        host["name"]: host["status"] for host in report["hosts"]
    }
    assert ["deployable", "unknown"] == [one["outcome"] for one in report["verdicts"]]
    assert "preflight: warning: stopped; 1 of 2 hosts were not done\n" == err


def test_hung_host_does_not_delay_the_end(running):
    """Nobody waits for a host that says nothing."""
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=10)

    assert time.monotonic() - began < 3


def test_second_signal_ends_at_once(start, program, inventory, silent, tmp_path):
    """Whoever presses Ctrl-C twice does not even wait for the report to be written."""
    # A report that nobody reads: the first signal leaves the run stuck in writing it.
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    port = silent.getsockname()[1]
    inventory(hung=f"address: 127.0.0.1, port: {port}")
    process = start("check", program(), "--format", f"json={fifo}", "--connect-timeout", "60")
    with silent.accept()[0]:
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)

        assert process.wait(5) == 130


@pytest.mark.parametrize(("number", "status"), [(signal.SIGHUP, 129), (signal.SIGTERM, 143)])
def test_signal_before_the_first_host(start, number, status):
    """A signal while the inventory is still being read ends quietly."""
    process = start("hosts", "-i", "-", stdin=subprocess.PIPE)
    wait_until_caught(process.pid, number)
    process.send_signal(number)
    process.wait(10)

    assert (status, "", "") == (process.returncode, process.stdout.read(), process.stderr.read())


def test_interrupt_while_importing(start, tmp_path, monkeypatch):
    """Ctrl-C before anything is read ends as quietly; here it comes while click is imported."""
    (tmp_path / "click.py").write_text("import os\nos.kill(os.getpid(), 2)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    process = start("hosts", "-i", "web,")

    assert ("", "") == process.communicate(timeout=10)
    assert process.returncode == 130


def wait_until_caught(pid: int, number: signal.Signals) -> None:
    """Wait until the process has a handler for the signal.  Source: proc_pid_status(5), SigCgt."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/status").read_text()
        if int(status.partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1:
            return
        time.sleep(0.02)
    pytest.fail(f"{number!r} is not caught")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT], ids=str)
def test_ignored_signal_stays_ignored(start, program, inventory, silent, number):
    """A run that was started to ignore a signal, as nohup does it, goes on."""
    port = silent.getsockname()[1]
    inventory(hung=f"address: 127.0.0.1, port: {port}")
    process = start(
        "check",
        program(),
        "--connect-timeout",
        "60",
        "--retries",
        "0",
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    with silent.accept()[0] as connection:
        process.send_signal(number)
        time.sleep(0.3)
        assert process.poll() is None
        connection.shutdown(socket.SHUT_RDWR)
        process.communicate(timeout=10)

    assert process.returncode == 3
