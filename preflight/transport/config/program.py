"""
The ssh program as an oracle: ``ssh -G`` prints what ssh would do, and connects to nothing.

It runs the commands of ``Match exec``, and asks the name service where the
configuration has it canonicalise names.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from preflight.errors import TransportError
from preflight.model import text
from preflight.transport.config.answers import Answer, Question, parse
from preflight.transport.config.failures import Broken, Unusable
from preflight.transport.config.reading import OPTIONS

LIMIT_S = 10.0
# Each takes a few milliseconds of a CPU, or waits for a command of the configuration.
AT_A_TIME = 2 * (os.cpu_count() or 1) + 2
_READING = "debug1: Reading configuration data "
# log.c: a debug line; ssh goes on after it.
_TALK = re.compile(r"debug[123]: |OpenSSH_|Pseudo-terminal will not")
_PLACE = re.compile(r"(?P<file>.+?):? line (?P<line>\d+): (?P<says>.+)")
_FOR_ALL = re.compile(
    r"terminating, \d+ bad configuration|Bad owner or permissions on |Can't open user config file"
    r"|Too many recursive configuration includes"
)


class Silent(Unusable):
    """There was no answer in time."""


class Asked(NamedTuple):
    """An answer, and the files that were read for it."""

    answer: Answer
    files: frozenset[str]


class Program:
    """The ssh program at *path*, with the options that hold for every host."""

    def __init__(self, path: str, config: str | None, options: Sequence[str]) -> None:
        self._path = path
        self._config = () if config is None else ("-F", config)
        self._options = options
        self._places = threading.BoundedSemaphore(AT_A_TIME)

    def ask(self, question: Question, spaced: re.Pattern[str] | None = None) -> Asked:
        """
        Return what ssh says; raises `Unusable` for this host, `Broken` for all of them.

        *spaced*: see `answers.parse`.
        """
        if "@" in question.name or "://" in question.name:
            raise Unusable(f"ssh would not take {question.name!r} for a host's name")
        with self._places:
            status, output, talk = self._run(self._arguments(question))
        lines = talk.splitlines()
        if status != 0:
            raise _failure(status, [line for line in lines if line and not _TALK.match(line)])
        read = (line.removeprefix(_READING) for line in lines if line.startswith(_READING))
        return Asked(parse(output, spaced), frozenset(map(_unescaped, read)))

    def _arguments(self, question: Question) -> list[str]:
        own = []
        if question.address is not None:
            own.append(f"HostName={question.address.replace('%', '%%')}")
        if question.proxy != "config":
            own.append("ProxyCommand=none" if question.proxy == "direct" else "ProxyJump=none")
        return [
            *(self._path, "-G", "-T", "-v", *self._config),
            *(word for option in (*own, *self._options) for word in ("-o", option)),
            *(("-l", question.user) if question.user is not None else ()),
            *(("-p", str(question.port)) if question.port is not None else ()),
            *("--", question.name),
        ]

    def _run(self, arguments: Sequence[str]) -> tuple[int, str, str]:
        try:
            process = subprocess.Popen(  # noqa: S603
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # with what it runs, for the time limit
            )
        except (OSError, ValueError) as error:
            reason = f"ssh -G cannot be run: {error}"
            raise TransportError("error", "internal", reason) from None
        with process:
            try:
                output, talk = process.communicate(timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                _end(process)
                reason = f"ssh -G gave no answer in {LIMIT_S:g} s"
                hint = "a command of a 'Match exec', or the name service, may hang"
                raise Silent(reason, hint) from None
        return process.returncode, os.fsdecode(output), os.fsdecode(talk)


def _unescaped(path: str) -> str:
    """Return a path of ssh's log as it is.  Source: OpenSSH log.c, LOG_STDERR_VIS; vis(3)."""

    def byte(found: re.Match[bytes]) -> bytes:
        return b"\\" if found[1] == b"\\" else bytes([int(found[1], 8)])

    return os.fsdecode(re.sub(rb"\\(\\|[0-3][0-7]{2})", byte, os.fsencode(path)))


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _failure(status: int, says: Sequence[str]) -> Unusable:
    placed = next((found for line in says if (found := _PLACE.fullmatch(line))), None)
    if placed:
        file = OPTIONS if placed["file"] == "command-line" else placed["file"]
        place = file if file == OPTIONS else f"{file}:{placed['line']}"
        return Broken(text.printable(f"{place}: {placed['says']}"))
    reason = text.printable(says[-1] if says else f"exit status {status}")
    if any(_FOR_ALL.search(line) for line in says):
        return Broken(reason)
    return Unusable(f"ssh -G refuses: {reason}")


def find() -> str | None:
    """Return the path of the ssh program, None where there is none that can be used."""
    return shutil.which("ssh")
