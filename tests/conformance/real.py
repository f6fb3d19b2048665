"""Starts the program of a scenario for real, and says how that ended."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from tests.conformance.scenario import APP, Scenario

QEMU = "/usr/bin/qemu-x86_64-static"


class Ending(Struct, frozen=True):
    """The shell's exit status of a start, and the first line on standard error."""

    line: str | None
    status: int


def start(root: Path, scenario: Scenario) -> Ending:
    """Start the scenario's program with *root* as its /, without a shell in between."""
    path = scenario.start.install_path or APP
    files: tuple[int, ...] = ()
    command = [scenario.start.argv0 or path]
    executable = path
    if scenario.cpu is not None:
        # Open, for within the root there is none.
        qemu = os.open(QEMU, os.O_RDONLY)
        files, executable = (qemu,), f"/proc/self/fd/{qemu}"
        command = [QEMU, "-cpu", scenario.cpu, path]
    try:
        return _ending(path, _run(root, scenario, command, executable, files))
    except OSError as error:
        status = 127 if error.errno == 2 else 126
        return Ending(f"{path}: {os.strerror(error.errno or 0)}", status)
    finally:
        for file in files:
            os.close(file)


def _run(
    root: Path, scenario: Scenario, command: list[str], executable: str, files: tuple[int, ...]
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command,
        executable=executable,
        env={"PATH": "/usr/bin:/bin", **dict(scenario.start.env)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        pass_fds=files,
        preexec_fn=_enter(root, scenario),
        timeout=20,
        check=False,
    )


def _enter(root: Path, scenario: Scenario) -> Callable[[], None]:
    def enter() -> None:
        os.chroot(root)
        os.chdir(scenario.start.cwd or "/")
        if scenario.uid:
            os.setgroups([])
            os.setgid(scenario.uid)
            os.setuid(scenario.uid)

    return enter


def _ending(path: str, done: subprocess.CompletedProcess[bytes]) -> Ending:
    text = done.stderr.decode("utf-8", "surrogateescape")
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    first = text.splitlines()[0] if text else None
    del path
    return Ending(first, status)
