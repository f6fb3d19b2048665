"""
Has the host's own loader trace a program, without starting it.

The program goes into a private directory with a name that nobody can guess.
The script removes it whatever happens there; where the script is lost,
`remove` does that on a channel or a connection of its own.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import secrets
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct, field

from preflight.errors import ProbeError, TransportError
from preflight.model.proof import Trace
from preflight.model.snapshot import Facts
from preflight.model.start import Start
from preflight.model.text import decode, printable
from preflight.probe.frames import Frames
from preflight.probe.script import COMMAND, bootstrap, word
from preflight.transport import Session, Stream

_BUDGET_BYTES = 8 << 20
_FALLBACK = "/tmp"  # noqa: S108 - in a directory of its own, by a name that nobody can guess
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# They change what a trace prints, write files, or run code of their own.
_LEFT_OUT = re.compile(r"LD_(DEBUG|PROFILE|TRACE|VERBOSE|WARN|BIND_NOT|SHOW_AUXV|AUDIT)")
# Source: ld.so(8); glibc elf/rtld.c, process_envvars().
_TRACED = (("LD_TRACE_LOADED_OBJECTS", "1"), ("LD_WARN", "1"), ("LD_BIND_NOW", "1"))


class Task(Struct, frozen=True, kw_only=True):
    """
    One program to be traced by *interpreter*.

    *by_origin*: where it lies matters, so that the trace has to find it in the
    directory of its install path, and nowhere else.
    """

    program: bytes
    interpreter: str
    family: Literal["glibc", "musl"]
    start: Start
    by_origin: bool
    limit_s: int = 20  # how long the trace may take
    leaf: str = field(default_factory=lambda: f".preflight-{secrets.token_hex(16)}")

    @property
    def directories(self) -> tuple[str, ...]:
        """Where the private directory may be made, the best place first."""
        path = self.start.install_path
        if path is None:
            return (_FALLBACK,)
        place = posixpath.dirname(path)
        return (place,) if self.by_origin else (place, _FALLBACK)

    @property
    def traces(self) -> str:
        """What may be left on the host where nobody could look."""
        return " or ".join(f"{place.rstrip('/')}/{self.leaf}" for place in self.directories)

    @property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """The environment of the trace."""
        own = tuple(
            (name, value)
            for name, value in self.start.env
            if _NAME.fullmatch(name) and "\0" not in value and not _LEFT_OUT.match(name)
        )
        return own + (_TRACED if self.family == "glibc" else ())


def prove(session: Session, task: Task, facts: Facts) -> Trace:
    """
    Return what the host's loader says of the program of *task*.

    Raises TransportError and ProbeError, and then nobody knows whether the
    private directory is gone: see `remove`.
    """
    nonce = secrets.token_hex(16)
    stream = session.start(COMMAND)
    try:
        return _Exchange(stream, nonce, task).run(facts)
    finally:
        stream.close()


def remove(session: Session, task: Task) -> str | None:
    """Remove what `prove` may have left; return the path of what is still there."""
    nonce = secrets.token_hex(16)
    stream = session.start(COMMAND)
    try:
        stream.send(_opening(nonce, "remove", (task.leaf, *task.directories)))
        frames = Frames(stream, nonce, _BUDGET_BYTES)
        frames.hello()
        left = [decode(frame.data) for frame in frames.round() if frame.kind == "G"]
        return next(filter(None, left), None)
    finally:
        stream.close()


def broken_off(error: TransportError | ProbeError, *, left: str | None) -> Trace:
    """Return what there is to say where *error* ended a proof."""
    return Trace(refused=f"the proof broke off: {error.message}", left=left)


class _Exchange:
    """One conversation with prove.sh."""

    def __init__(self, stream: Stream, nonce: str, task: Task) -> None:
        self._stream = stream
        self._task = task
        self._opening = _opening(nonce, "prove", (task.leaf, *task.directories))
        self._frames = Frames(stream, nonce, _BUDGET_BYTES)
        self._said: dict[str, str] = {}

    def run(self, facts: Facts) -> Trace:
        """Return what the host's loader said, or why it was not asked; raises `ProbeError`."""
        self._stream.send(self._opening)
        self._frames.hello()
        frames = self._frames.round()
        first = next(frames, None)
        if first is None or first.kind not in ("D", "N"):
            raise ProbeError("the host answered what was not asked")
        home = decode(first.data)
        if first.kind == "D":
            mount = facts.noexec_mount(home)
            self._send_program(wanted=mount is None)
        self._said[first.kind] = home
        self._said |= {frame.kind: decode(frame.data) for frame in frames}
        if first.kind == "D" and mount is not None:
            place = posixpath.dirname(home)
            self._said["N"] = f"{place} lies on {mount.point}, which is mounted noexec"
        return self._trace()

    def _send_program(self, *, wanted: bool) -> None:
        task = self._task
        program = task.program if wanted else b""
        linked = "1" if task.by_origin else "0"
        option = "-" if task.family == "glibc" else "--list"
        variables = [f"{name}={value}" for name, value in task.variables]
        how = (str(len(program)), linked, str(task.limit_s))
        what = (task.start.cwd or "/", task.interpreter, option)
        self._stream.send(_line((*how, *what, *variables)) + program)

    def _trace(self) -> Trace:
        said, task = self._said, self._task
        left = said.get("G") or None
        if (why := said.get("N")) is not None:
            return Trace(refused=_one_line(why), left=left)
        if not {"H", "T", "O", "G"} <= said.keys():
            raise ProbeError("the host's answers to the proof end early")
        digest = said["H"][:64]
        if digest and digest != hashlib.sha256(task.program).hexdigest():
            return Trace(refused="the copy on the host is not what was sent", left=left)
        output, _, status = said["O"].rpartition("\nstatus ")
        if not re.fullmatch("[0-9]{1,3}", status):
            return Trace(refused="what the loader said was cut off", left=left)
        return Trace(
            lines=tuple(line for line in output.split("\n") if line),
            status=int(status),
            program=said["T"],
            left=left,
        )


def _opening(nonce: str, task: str, words: Sequence[str]) -> bytes:
    return f"{bootstrap('prove.sh')}{nonce}\n{task}\n".encode("ascii") + _line(words)


def _line(words: Sequence[str]) -> bytes:
    return (" ".join(map(word, words)) + "\n").encode("ascii")


def _one_line(said: str) -> str:
    return printable(" ".join(said.split()))[:500]
