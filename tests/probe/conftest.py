"""A session with a shell of this machine, by name, and a fresh store."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from preflight.errors import TransportError
from preflight.probe.interview import Interview
from preflight.probe.store import Store
from preflight.transport import Deadline

SHELLS = {
    "dash": ["dash"],
    "bash": ["bash"],
    "busybox": ["busybox", "sh"],
    "mksh": ["mksh"],
    "zsh": ["zsh", "--emulate", "sh"],
}


def unchanged(data: bytes) -> bytes:
    return data


class ShellStream:
    """A child process; *edit* changes what is sent, standard error is discarded."""

    def __init__(self, argv: list[str], *, edit=unchanged, **settings: object) -> None:
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        self._child = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=null, **settings)
        self._edit = edit

    def send(self, data: bytes) -> None:
        """Write all of *data*; raises TransportError where nobody listens."""
        try:
            self._child.stdin.write(self._edit(data))
            self._child.stdin.flush()
        except BrokenPipeError:
            raise TransportError("unreachable", "connection-lost", "nobody listens") from None

    def read(self, limit: int) -> bytes:
        """Return what there is, b"" at the end."""
        return self._child.stdout.read1(limit)

    def stderr_text(self) -> str:
        """Return nothing."""
        return ""

    def exit_status(self) -> int | None:
        """Return the exit status, None while the child runs."""
        return self._child.poll()

    def close(self) -> None:
        """Kill the child."""
        self._child.kill()
        self._child.stdout.close()
        self._child.wait()
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()


class ShellSession:
    """A host whose login shell and /bin/sh are *argv*."""

    def __init__(self, argv: list[str], **settings: object) -> None:
        self._argv = argv
        self._settings = settings

    def start(self, command: str) -> ShellStream:
        """Start *command* with the shell in the place of /bin/sh."""
        command = command.replace("/bin/sh", shlex.join(self._argv))
        return ShellStream([*self._argv, "-c", command], **self._settings)


@pytest.fixture(params=SHELLS)
def shell(request) -> list[str]:
    argv = SHELLS[request.param]
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    return argv


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def interview(store) -> Iterator[Callable[..., Interview]]:
    opened = []

    def begin(argv=("dash",), *, key="host", used=store, limits=None, **settings) -> Interview:
        session = ShellSession(list(argv), **settings)
        deadline = Deadline.after(20)
        opened.append(Interview(session, used, key=key, deadline=deadline, limits=limits))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()
