"""Plays a page of the manual: runs its commands in order, and compares what they say."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from preflight.cli import run
from tests.builders.elf import build_elf
from tests.docs.blocks import Command
from tests.docs.conftest import LOADER
from tests.hosts.fleet import Fleet

# Where the reader is.
HOME = "/home/me"
# What is the machine's, the moment's or the point release's.
_VARIES = re.compile(
    r"127(?:\.\d+){3} port \d+|\d+\.\d+ s\b|kernel +\d+\.\d+\.[\w.-]+|(?<=\+deb)\d+u\d+"
    r"|x86-64-v\d|[\d.]+ [MG]iB|, which is over|(?<=  watched).*|(?<=libz\.so\.1 )\w{12}"
    r"|until \d{4}-\d\d-\d\d|\d{4}-\d\d-\d\dT[\d:]+Z"
)
# Of the tests' own packages one is a second C library.
_OF_THE_TESTS = re.compile(r", musl [\d.]+(?=, x86_64)")
# What means nothing to a shell, and what does elsewhere.
_PLAIN = re.compile(r"'[^']*'| #.*")
_OF_A_SHELL = re.compile(r"[|<>;&$*?~(]")
# Our own statuses that are an answer; any other has to be shown as an error.
_ANSWERS = {0, 1, 3}
_IS_OURS = re.compile(r"preflight [^|]*")


class Said(NamedTuple):
    """How a command ended, and what a terminal would have shown."""

    status: int
    text: str


class Place:
    """A directory to type commands in, and the hosts of *fleet* to put into inventories."""

    def __init__(self, directory: Path, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.fleet = fleet
        self._settings = monkeypatch
        self.prelude = ""  # what code of Python on the page takes for granted
        self.script("bin/preflight", f'exec {sys.executable} -m preflight "$@"')
        commands = f"{directory}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
        monkeypatch.setenv("PATH", commands)

    def columns(self, number: int) -> None:
        """Have the terminal be so wide."""
        self._settings.setenv("COLUMNS", str(number))

    def asks_package_managers(self) -> None:
        """Have hosts asked as they are without a setting."""
        self._settings.delenv("PREFLIGHT_NO_PACKAGE_MANAGER")

    def names(self, hosts: dict[str, str]) -> None:
        """Have names that ssh's configuration knows, each for one of the fleet."""
        lines = [
            f"Host {name}\nHostName {host.address}\nPort {host.port}\nUser deploy\n"
            f"IdentityFile {host.identity_file}\nUserKnownHostsFile {host.known_hosts}\n"
            for name, real in hosts.items()
            for host in [self.fleet.hosts[real]]
        ]
        self.write("names", "".join(lines))
        self.ssh_config("names")

    def ssh_config(self, name: str) -> None:
        """Have a file be ssh's own configuration."""
        self._settings.setenv("PREFLIGHT_SSH_CONFIG", str(self.directory / name))

    def read(self, name: str) -> str:
        """Return what is in a file."""
        return (self.directory / name).read_text("utf-8")

    def write(self, name: str | Path, content: str | bytes, mode: int = 0o644) -> Path:
        """Write a file, and return where it is."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def script(self, name: str, commands: str) -> None:
        """Write a program of the shell."""
        self.write(name, f"#!/bin/sh\n{commands}\n", 0o755)

    def program(self, name: str, *glibc: str, **fields: object) -> None:
        """Write a program that wants some versions of glibc."""
        versions = {"libc.so.6": ["GLIBC_2.2.5", *(f"GLIBC_{version}" for version in glibc)]}
        whole = {"interpreter": LOADER, "needed": ["libc.so.6"], "version_needs": versions}
        self.write(name, build_elf(**(whole | fields)), 0o755)

    def inventory(
        self, hosts: dict[str, str], name: str = "fleet.yaml", **groups: Sequence[str]
    ) -> None:
        """Write an inventory of hosts, each the one of the fleet that stands behind it."""
        known = self.write("known_hosts", self.fleet.known_hosts.read_bytes())
        content = {
            "defaults": {
                "user": "deploy",
                "identity_file": str(self.fleet.identity_file),
                "known_hosts": str(known),
            },
            "groups": {group: {"hosts": list(members)} for group, members in groups.items()},
            "hosts": {host: self._address(real) for host, real in hosts.items()},
        }
        self.write(name, yaml.safe_dump(content, sort_keys=False))

    def _address(self, real: str) -> dict[str, object]:
        host = self.fleet.hosts[real]
        return {"address": host.address, "port": host.port}

    def do(self, command: Command) -> Said:
        """Run a command of a page; fails unless it says what is shown there, or just answers."""
        said = self.run(command.text, command.language)
        said = said._replace(text=said.text.replace(str(self.directory), HOME))
        if command.shown is not None:
            assert is_as_shown(command.shown, said.text), f"{command.place} is other:\n{said.text}"
        is_error = command.shown is not None and "preflight: error: " in command.shown
        fine = _ANSWERS if _IS_OURS.fullmatch(command.text) else {0}
        assert is_error or said.status in fine, f"{command.place}: {command.text}: {said}"
        return said

    def run(self, text: str, language: str = "sh") -> Said:
        """Run what stands there as it stands: in this process where no shell is needed."""
        words = shlex.split(text, comments=True) if language == "sh" else []
        if words and words[0] == "preflight" and not _OF_A_SHELL.search(_PLAIN.sub("", text)):
            return _run_here(words[1:])
        argv = ["sh", "-c", text] if words else [sys.executable, "-c", self.prelude + text]
        done = subprocess.run(
            argv,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        return Said(done.returncode, done.stdout)


def _run_here(arguments: list[str]) -> Said:
    """Run our own command in this process, which starts faster."""
    terminal = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(terminal):
        status = int(run(arguments))
    return Said(status, terminal.buffer.getvalue().decode())


def is_as_shown(shown: str, said: str) -> bool:
    """Say whether a command said what is shown, in which a line "…" stands for any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else re.escape(_plain(line)) + r"\n"
        for line in shown.splitlines()
    )
    plain = "".join(f"{_plain(line)}\n" for line in said.splitlines())
    return re.fullmatch(pattern, plain) is not None


def _plain(line: str) -> str:
    return _VARIES.sub("@", _OF_THE_TESTS.sub("", line.rstrip()))


def play(place: Place, commands: Iterator[Command], scene: Iterator[str | None]) -> None:
    """
    Run *commands* where *scene* has made everything ready.

    A scene that yields the beginning of a command is heard again before that
    command; with None it waits for the end of the page.
    """
    with contextlib.closing(scene):
        awaited = next(scene)
        for command in commands:
            if awaited and command.text.startswith(awaited):
                awaited = next(scene)
            place.do(command)
        assert awaited is None, f"there is no command {awaited}"
        next(scene, None)
