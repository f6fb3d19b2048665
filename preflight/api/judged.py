"""
Hosts that are alike are judged once.

A verdict depends on the program, on how it starts, and on what the checks can
see of a host.  They cannot see its name, its clock, the disks under its mounts,
the times of its files or which numbers its devices and inodes have, only which
paths lead to one file: see `likeness`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from threading import Event, Lock

from msgspec import structs

from preflight.api.wants import Want
from preflight.judge import Judgement, judge
from preflight.model.question import Answer, BytesContent, ElfContent, FileState, Question
from preflight.model.snapshot import Snapshot
from preflight.model.start import Start

_KEPT = 4096  # judgements; a fleet has few distinct images, a bundle many members


class Judged:
    """The latest judgements; safe for many threads, of which one judges what several want."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, tuple[Judgement, object]] = OrderedDict()
        self._making: dict[Hashable, Event] = {}
        self._lock = Lock()

    def judge(self, want: Want, snapshot: Snapshot, like: Hashable) -> Judgement:
        """Return what `judge` does; *like* is the `likeness` of *snapshot*."""
        if want.requirements.format == "manifest":  # what an application needs is each host's own
            return judge(want.requirements, want.start, snapshot)
        key = (id(want.requirements), _start_key(want.start), like)
        while True:
            with self._lock:
                if (known := self._known.get(key)) is not None:
                    self._known.move_to_end(key)
                    return _of_host(known[0], snapshot.host)
                made = self._making.get(key)
                if made is None:
                    self._making[key] = Event()
                    break
            made.wait()
        try:
            return self._keep(key, judge(want.requirements, want.start, snapshot), want, snapshot)
        finally:
            with self._lock:
                self._making.pop(key).set()

    def _keep(
        self, key: Hashable, judgement: Judgement, want: Want, snapshot: Snapshot
    ) -> Judgement:
        # The values that the key names by id have to live as long as it does.
        with self._lock:
            self._known[key] = judgement, (want, tuple(snapshot.answers.values()))
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return judgement


def _of_host(judgement: Judgement, host: str) -> Judgement:
    verdict = structs.replace(judgement.verdict, host=host)
    return structs.replace(judgement, verdict=verdict)


def likeness(snapshot: Snapshot) -> Hashable:
    """Return a value that is equal for hosts of which any check sees the same."""
    # Of the kernel's name only the release matters, of the system's none of its words.
    release = snapshot.facts.kernel_release
    facts = structs.replace(snapshot.facts, clock_s=None, mounts=None, kernel=None, os=None)
    mounts = snapshot.facts.mounts
    # Of a mount that lets programs run, only the place matters: see `Facts.noexec_mount`.
    places = [(m.point, m if "noexec" in m.options else None) for m in mounts or ()]
    unknown = tuple(snapshot.facts_unknown.items())
    return facts, release, mounts is None, tuple(places), unknown, _answers_key(snapshot.answers)


def _answers_key(answers: Mapping[Question, Answer]) -> Hashable:
    """Return the answers without what no check sees; contents are named by hash, or by id."""
    numbers: dict[tuple[int, int], int] = {}  # of (device, inode), in the order of the answers
    return tuple((question, *_seen(answer, numbers)) for question, answer in answers.items())


def _seen(answer: Answer, numbers: dict[tuple[int, int], int]) -> tuple[Hashable, ...]:
    if isinstance(answer, ElfContent):
        content: Hashable = answer.sha256 or id(answer.elf)
        state = answer.state
    elif isinstance(answer, BytesContent):
        content, state = answer.sha256, answer.state
    elif isinstance(answer, FileState):
        # A directory's size depends on what once lay in it.
        content, state = None if answer.kind == "directory" else answer.size_bytes, answer
    else:
        return (answer,)
    number = numbers.setdefault((state.device, state.inode), len(numbers))
    return content, state.mode, state.uid, state.gid, state.real, number


def _start_key(start: Start) -> Hashable:
    """Return *start* with its opener and bundle by identity: hashing their tables takes long."""
    opener, bundle = start.loaded_by, start.bundle
    if opener is None and bundle is None:
        return start
    where = opener and (id(opener.requirements), opener.install_path, opener.in_place)
    bare = structs.replace(start, loaded_by=None, bundle=None)
    return bare, where, bundle and id(bundle)
