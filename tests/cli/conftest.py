"""Runs the command for real, or in this process where speed matters, with nobody's settings."""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from preflight.cli import run as run_command
from tests.builders.elf import build_elf

PROJECT = Path(__file__).parents[2]
LOADER = "/lib64/ld-linux-x86-64.so.2"
SETTINGS = ("PREFLIGHT_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI", "TERM", "SSH_AUTH_SOCK")
SETTINGS += ("PYTHONUNBUFFERED", "PYTHONIOENCODING", "LD_LIBRARY_PATH", "LD_PRELOAD")


class Result(NamedTuple):
    """How a command ended and what it said."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _own_place(tmp_path, monkeypatch) -> None:
    """Give each test a working directory, a home and a cache of its own."""
    for name in [name for name in os.environ if name.startswith(SETTINGS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    # Ansible's control sockets lie there, too, where a path may be too long for one.
    monkeypatch.setenv("ANSIBLE_SSH_ARGS", "-o ControlMaster=no")
    # apt-cache without a cache of its own takes a second; tests/conformance has it asked.
    monkeypatch.setenv("PREFLIGHT_NO_PACKAGE_MANAGER", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys) -> Callable[..., Result]:
    """Run a command in this process."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        status = run_command([str(argument) for argument in arguments])
        return Result(int(status), *capsys.readouterr())

    return call


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command as a process of its own; what still runs afterwards is killed."""
    started = []

    def popen(*arguments: object, **settings: object) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        plain = {"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe, "encoding": "utf-8"}
        plain["preexec_fn"] = _hear_signals
        command = [sys.executable, "-m", "preflight", *map(str, arguments)]
        process = subprocess.Popen(command, **(plain | settings))
        started.append(process)
        return process

    yield popen
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()


def _hear_signals() -> None:
    """Whoever runs the tests in the background, or with nohup, has them ignore these."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def preflight(start) -> Callable[..., Result]:
    """Run a command as a process of its own, to its end."""

    def call(*arguments: object, given: str | None = None, **settings: object) -> Result:
        if given is not None:
            settings["stdin"] = subprocess.PIPE
        process = start(*arguments, **settings)
        out, err = process.communicate(given, timeout=60)
        return Result(process.returncode, out or "", err or "")

    return call


@pytest.fixture
def program(tmp_path) -> Callable[..., Path]:
    """Make a small program for this machine's glibc; it would really start, or be refused."""
    if platform.machine() != "x86_64" or not Path(LOADER).exists():
        pytest.skip("the programs are for x86-64 and glibc")

    def make(name: str = "app", **fields: object) -> Path:
        path = tmp_path / name
        fields = {"interpreter": LOADER, "needed": ["libc.so.6"]} | fields
        path.write_bytes(build_elf(**fields))
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server on loopback whose connections stay as they are, whoever accepts them."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        server.settimeout(20)
        yield server


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and nobody else may meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def inventory(tmp_path) -> Callable[..., Path]:
    """Write ``inventory.yaml`` with hosts by name, each a mapping in YAML's flow style."""

    def write(**hosts: str) -> Path:
        path = tmp_path / "inventory.yaml"
        lines = [f"  {name}: {{{settings}}}" for name, settings in hosts.items()]
        path.write_text("\n".join(["hosts:", *lines, ""]))
        return path

    return write
