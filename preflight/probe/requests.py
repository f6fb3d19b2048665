"""
One round: the requests that are written to the script, and what its frames answer.

Paths without any odd byte share requests, all others travel alone, in octal.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct, field

from preflight.errors import ProbeError
from preflight.model import text
from preflight.model.question import Absent, Ask, Failed, FileState, Heard, Said
from preflight.probe.frames import Frame
from preflight.probe.managers.request import code
from preflight.probe.script import is_plain, word
from preflight.probe.states import parse_errno, parse_states

BLOCK = 64 << 10  # bytes; ranges begin and end at multiples of it
AT_ONCE = ("connect", "fetch")  # topics that take long, and answer in no order
_GROUP_PATHS = 128
_GROUP_CHARACTERS = 24 << 10  # far below what one command line may hold
_HASH = re.compile(rb"^([0-9a-f]{64}) [ *](/.*)$", re.MULTILINE)
_ANY_HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")

State = FileState | Absent | Failed


class Range(NamedTuple):
    """A piece of a file, in bytes; both numbers are multiples of `BLOCK`."""

    offset: int
    size: int


class Plan(Struct):
    """What to ask for in one round; dictionaries keep the order and drop what stands twice."""

    facts: bool = False
    audit: int | None = None  # beside the facts: with the files for secrets (1) or without (0)
    states: dict[str, None] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)  # paths that share no request with others
    hashes: dict[str, None] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    asked: dict[Ask, None] = field(default_factory=dict)
    contents: dict[str, int] = field(default_factory=dict)  # path: at most so many bytes
    ranges: dict[str, Range] = field(default_factory=dict)
    packages: tuple[str, ...] = ()  # the words of `preflight.probe.managers.request`

    def __bool__(self) -> bool:
        wanted = (self.states, self.hashes, self.names, self.asked, self.contents, self.ranges)
        return self.facts or any(wanted) or bool(self.packages)


class Replies(Struct):
    """What one round answered; *after* holds the states of transferred files, looked at last."""

    facts: dict[str, bytes] = field(default_factory=dict)  # by the kind of frame
    states: dict[str, State] = field(default_factory=dict)
    after: dict[str, State] = field(default_factory=dict)
    unclear: set[str] = field(default_factory=set)  # paths whose states are to be asked alone
    hashes: dict[str, str] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    said: dict[Ask, Heard] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)  # path: errno of opening it
    ranges: dict[str, bytes] = field(default_factory=dict)
    packages: bytes | None = None


class _Request(NamedTuple):
    operation: str
    paths: tuple[str, ...]
    arguments: tuple[int, ...] = ()
    after: bool = False
    ask: Ask | None = None

    def line(self, index: int) -> str:
        """Return the line that asks for it; the answer repeats *index*."""
        words = [*map(word, self.paths), *map(str, self.arguments)]
        if self.ask is not None:
            words = [self.ask.topic, *map(word, self.ask.words)]
        return " ".join([self.operation, str(index), *words])


class Round:
    """One exchange; *receive* is handed each file's content, as sent, as soon as it is here."""

    def __init__(self, plan: Plan, receive: Callable[[str, bytes], None]) -> None:
        self.replies = Replies()
        self._receive = receive
        self._heard_s = time.time()  # when the frame before this one came
        self._requests = list(_requests(plan))
        self._takers = {
            "F": self._take_facts,
            "S": self._take_states,
            "H": self._take_hashes,
            "C": self._take_content,
            "P": self._take_range,
            "L": self._take_names,
            "Q": self._take_said,
            "K": self._take_packages,
        }

    def encode(self) -> bytes:
        """Return the lines to write."""
        lines = [request.line(index) for index, request in enumerate(self._requests)]
        return "\n".join([*lines, ".", ""]).encode("ascii")

    def take(self, frame: Frame) -> None:
        """Sort one frame into the replies; raises ProbeError for one that answers no request."""
        request = self._requests[frame.request] if frame.request < len(self._requests) else None
        if request is None or _OPERATIONS.get(frame.kind) != request.operation:
            raise ProbeError("the host answered what was not asked")
        self._takers[request.operation](request, frame)
        self._heard_s = time.time()

    def _take_facts(self, _: _Request, frame: Frame) -> None:
        self.replies.facts[frame.kind] = frame.data

    def _take_states(self, request: _Request, frame: Frame) -> None:
        states = parse_states(len(request.paths), frame.data)
        if states is None:
            self.replies.unclear.update(request.paths)
            return
        into = self.replies.after if request.after else self.replies.states
        into.update(zip(request.paths, states, strict=True))

    def _take_hashes(self, request: _Request, frame: Frame) -> None:
        if len(request.paths) == 1 and (found := _ANY_HASH.search(frame.data)):
            self.replies.hashes[request.paths[0]] = found[0].decode("ascii")
            return
        asked = set(request.paths)
        for digest, path in _HASH.findall(frame.data):
            if (name := text.decode(path)) in asked:
                self.replies.hashes[name] = digest.decode("ascii")

    def _take_content(self, request: _Request, frame: Frame) -> None:
        if frame.kind == "E":
            self.replies.errors[request.paths[0]] = parse_errno(frame.data)
        elif len(frame.data) > request.arguments[0]:
            raise ProbeError("the host sent more of a file than was asked for")
        else:
            self._receive(request.paths[0], frame.data)

    def _take_range(self, request: _Request, frame: Frame) -> None:
        if len(frame.data) != request.arguments[1] * BLOCK:
            raise ProbeError("the host sent another part of a file than was asked for")
        self.replies.ranges[request.paths[0]] = frame.data

    def _take_names(self, request: _Request, frame: Frame) -> None:
        names = text.decode(frame.data).split("/")[:-1]
        self.replies.names[request.paths[0]] = tuple(n for n in names if n not in (".", ".."))

    def _take_packages(self, _: _Request, frame: Frame) -> None:
        self.replies.packages = frame.data

    def _take_said(self, request: _Request, frame: Frame) -> None:
        said = text.decode(frame.data)
        if request.ask is None:
            return
        if request.ask.topic == "clock":  # between these two times of ours it told its own
            said += f"\n{self._heard_s:.3f}\n{time.time():.3f}"
        self.replies.said[request.ask] = parse_said(said)


def parse_said(said: str) -> Heard:
    """Return the answer that a function ``ask_…`` printed."""
    head, _, rest = said.partition("\n")
    if head == "said":
        return Said(rest)
    return Absent() if head == "absent" else Failed(head.removeprefix("failed ")[:200])


# The operation that each kind of frame answers.
_OPERATIONS = {
    "F": "F",
    "X": "F",
    "B": "F",
    "S": "S",
    "H": "H",
    "C": "C",
    "E": "C",
    "P": "P",
    "L": "L",
    "Q": "Q",
    "K": "K",
}


def _requests(plan: Plan) -> Iterator[_Request]:
    if plan.facts:
        yield _Request("F", (), () if plan.audit is None else (plan.audit,))
    # The clock first: what the host does before it answers counts as its error.
    asks = sorted(plan.asked, key=lambda one: one.topic != "clock")
    yield from (_Request("Q", (), ask=ask) for ask in asks if ask.topic not in AT_ONCE)
    yield from (_Request("S", paths) for paths in _groups(plan.states, plan.alone))
    yield from (_Request("H", paths) for paths in _groups(plan.hashes, plan.alone))
    yield from (_Request("L", (path,)) for path in plan.names)
    yield from (_Request("C", (path,), (limit,)) for path, limit in plan.contents.items())
    for path, part in plan.ranges.items():
        yield _Request("P", (path,), (part.offset // BLOCK, part.size // BLOCK))
    if plan.packages:
        yield _Request("K", (code(), *plan.packages))
    transferred = [*plan.contents, *plan.ranges]
    yield from (_Request("S", paths, after=True) for paths in _groups(transferred, plan.alone))
    yield from (_Request("Q", (), ask=ask) for ask in asks if ask.topic in AT_ONCE)


def _groups(paths: Iterable[str], alone: set[str]) -> Iterator[tuple[str, ...]]:
    group: list[str] = []
    characters = 0
    for path in paths:
        if path in alone or not is_plain(path):
            yield (path,)
            continue
        if len(group) == _GROUP_PATHS or characters > _GROUP_CHARACTERS:
            yield tuple(group)
            group, characters = [], 0
        group.append(path)
        characters += len(path) + 1
    if group:
        yield tuple(group)
