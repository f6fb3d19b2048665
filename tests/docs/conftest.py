"""A project that deploys dist/app to hosts on loopback, with the files of docs/deploy.md in it."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.builders.elf import build_elf
from tests.docs.blocks import DOCS, PROJECT, files
from tests.transport.conftest import ADDRESS, Sshd, make_key, require, start_sshd

__all__ = ["start_sshd"]

LOADER = "/lib64/ld-linux-x86-64.so.2"
BLOCKED = "/lib64/ld-nowhere.so.1"
HERE = Path(sys.executable).parent


class Done(NamedTuple):
    """How a script ended, what it said, and what was rolled out to: hosts, or `all`."""

    status: int
    said: str
    reached: list[str]


class Deployment(NamedTuple):
    """The project's directory, its sshd, and the environment that its scripts run in."""

    directory: Path
    sshd: Sshd
    environment: dict[str, str]

    def build(self, interpreter: str = LOADER) -> None:
        """Make dist/app."""
        app = self.directory / "dist/app"
        app.write_bytes(build_elf(interpreter=interpreter, needed=["libc.so.6"]))
        app.chmod(0o755)

    def build_blocked(self) -> None:
        """Make a dist/app whose loader is nowhere."""
        self.build(BLOCKED)

    def write_fleet(self, **ports: int) -> None:
        """Write an inventory of hosts with these ports."""
        common = {"address": ADDRESS, "user": getpass.getuser()}
        hosts = {name: {**common, "port": port} for name, port in ports.items()}
        (self.directory / "fleet.yaml").write_text(yaml.safe_dump({"hosts": hosts}))

    def run(self, *command: str, extra: Mapping[str, str] | None = None) -> Done:
        """Run a command in the project's directory."""
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self.environment | dict(extra or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        reached = self.directory / "reached"
        names = reached.read_text().split() if reached.exists() else []
        return Done(done.returncode, done.stdout, names)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host's key and one to log in with; others, which take long to make, nobody needs here."""
    require(available=bool(shutil.which("ssh-keygen")), what="ssh-keygen")
    directory = tmp_path_factory.mktemp("keys")
    make_key(directory / "host_ed25519")
    make_key(directory / "id_good")
    shutil.copy(directory / "id_good.pub", directory / "authorized_keys")
    return directory


@pytest.fixture(scope="session")
def hosts_sshd(start_sshd: Callable[..., Sshd]) -> Sshd:
    """A sshd that files can be copied to, too."""
    return start_sshd("Subsystem sftp internal-sftp")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is known of the hosts' libraries is known to all tests, as from one run to the next."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def deployment(hosts_sshd: Sshd, cache: Path, tmp_path: Path) -> Deployment:
    """A project with the files of docs/deploy.md, two hosts, and a program that starts."""
    for name, text in files(DOCS / "deploy.md").items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    _script(tmp_path / "rollout.sh", "echo all >> reached")
    _script(tmp_path / "rollout-to.sh", 'echo "$1" >> reached')
    (tmp_path / "dist").mkdir()
    hosts_sshd.known_hosts(tmp_path / "known_hosts")
    made = Deployment(tmp_path, hosts_sshd, _environment(tmp_path, hosts_sshd, cache))
    made.write_fleet(**{"web-1": hosts_sshd.port, "web-2": hosts_sshd.port})
    made.build()
    return made


def _environment(directory: Path, sshd: Sshd, cache: Path) -> dict[str, str]:
    _script(directory / "bin/preflight", f'exec {sys.executable} -m preflight "$@"')
    return {
        "PATH": f"{directory}/bin:{HERE}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "HOME": str(directory),
        "XDG_CACHE_HOME": str(cache),
        "XDG_STATE_HOME": str(directory / "state"),
        "PREFLIGHT_KEY": sshd.identity(),
        "PREFLIGHT_KNOWN_HOSTS": str(directory / "known_hosts"),
        "PREFLIGHT_SSH_CONFIG": "none",
    }


def _script(path: Path, command: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)


def need(program: str) -> str:
    """Return where a program is; without it the test skips, or fails where hosts are required."""
    found = shutil.which(program)
    require(available=found is not None, what=program)
    return str(found)
