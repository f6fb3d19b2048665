"""
What one interview knows of a host's files, and what it takes to answer a question.

No I/O with the host: `look` notes in a plan what has to be asked, `absorb`
takes in what came back.
"""

from __future__ import annotations

from msgspec import Struct

from preflight.elf import RangeNeeded, SparseSource, read
from preflight.model.elf import Elf
from preflight.model.question import (
    Answer,
    Ask,
    BytesContent,
    ElfContent,
    Failed,
    FileQuestion,
    FileState,
    Heard,
    List,
    ReadBytes,
    ReadElf,
    Stat,
)
from preflight.probe.files import WHOLE_BYTES, File, Reading
from preflight.probe.requests import BLOCK, Plan, Range, Replies
from preflight.probe.script import refusal
from preflight.probe.store import Store, state_digest

_SILENCE = Failed("the host gave no answer")
_RANGE_BYTES = 32 << 20  # the most that one request for a range brings


class Limits(Struct, frozen=True):
    """Where an interview ends although questions are left."""

    rounds: int = 32
    paths: int = 65536  # that are looked at in any way
    objects: int = 4096  # files of which the content is asked
    received_bytes: int = 256 << 20
    silence_s: float = 30.0  # of a host from which an answer is awaited


class Knowledge:
    """The files of the host *key*, as far as they were asked for."""

    def __init__(self, store: Store, key: str, limits: Limits, filler: bytes) -> None:
        self.clock_s: int | None = None  # the host's, at the beginning
        self.exhausted: str | None = None
        self.waiting: set[str] = set()  # contents that another interview is fetching
        self.impatient: set[str] = set()  # contents that are not waited for any longer
        self._store = store
        self._key = key
        self._limits = limits
        self._filler = filler  # stands where a host could not send what was asked
        self._memo = store.memo(key)
        self._files: dict[str, File] = {}
        self._said: dict[Ask, Heard] = {}
        self._objects = 0
        self._planned_bytes = 0
        self._claims: set[str] = set()

    def look(self, question: FileQuestion, plan: Plan) -> Answer | None:
        """Return the answer, or None after noting in *plan* what it takes to find it."""
        if isinstance(question, Ask):
            return self._hear(question, plan)
        if (errno := refusal(question.path)) is not None:
            return Failed(errno)
        file = self._files.get(question.path) or self._new_file(question.path)
        if file is None:
            return None
        if isinstance(question, ReadElf | ReadBytes):
            return self._content(type(question), file, plan) if self._admit(file) else None
        if file.state is None:
            self._state(file, plan)
        if isinstance(question, List) and not file.listed:
            plan.names[file.path] = None
            return None
        return file.state if isinstance(question, Stat) else file.listing()

    def receive(self, path: str, data: bytes) -> None:
        """Read a content as it was asked for, and let go of the bytes."""
        file = self._files[path]
        if self._filler in data:
            return
        if ReadElf in file.wanted:
            digest, file.elf = self._store.add_elf(data)
            file.received = digest, len(data)
        if ReadBytes in file.wanted:
            digest, file.data = self._store.add_bytes(data)
            file.received = digest, len(data)

    def absorb(self, plan: Plan, replies: Replies) -> None:
        """Take in what came back for *plan*."""
        self._absorb_looks(plan, replies)
        for path, part in plan.ranges.items():
            data = replies.ranges.get(path, self._filler)
            self._add_range(self._files[path], part, data)
        for path in [*plan.contents, *plan.ranges]:
            file = self._files[path]
            file.error = replies.errors.get(path)
            file.settle(replies.after.get(path))
        self.release()

    def release(self) -> None:
        """Give up the right to fetch contents before other interviews do."""
        while self._claims:
            self._store.release(self._claims.pop())

    @property
    def kind(self) -> str:
        """What kind of host it was last time, "" where nobody knows."""
        return self._memo.kind

    def note_kind(self, kind: str) -> None:
        """Keep what kind of host it is."""
        self._memo.note_kind(kind)

    def save(self) -> None:
        """Keep the memo of this host for the next interview."""
        if self._memo.changed:
            self._memo.changed = False
            self._store.save_memo(self._key, self._memo)

    def _hear(self, question: Ask, plan: Plan) -> Answer | None:
        answer = self._said.get(question)
        if answer is None:
            plan.asked[question] = None
        return answer

    def _absorb_looks(self, plan: Plan, replies: Replies) -> None:
        for path, state in replies.states.items():
            self._files[path].state = state
        for path in replies.unclear:
            self._files[path].alone = True
        for path in plan.hashes:
            self._files[path].hashed = True
            self._files[path].digest = replies.hashes.get(path)
        for path in plan.names:
            self._files[path].listed = True
            self._files[path].names = replies.names.get(path)
        for ask in plan.asked:
            self._said[ask] = replies.said.get(ask, _SILENCE)

    # --- contents ---

    def _content(self, reading: Reading, file: File, plan: Plan) -> Answer | None:
        if not isinstance(file.state, FileState):
            if file.state is None:
                self._first_look(file, plan)
            return file.state
        if (refused := file.refusal(reading)) is not None:
            return refused
        if file.state.size_bytes > WHOLE_BYTES:
            return self._huge(file, file.state, plan)
        if file.digest is None and (digest := self._memo.get(file.state)) is not None:
            file.digest, file.noted = digest, True
        value = self._value(reading, file)
        if value is None:
            self._ask(reading, file, file.state, plan)
            return None
        if isinstance(value, Elf) and file.state.size_bytes not in (0, value.size_bytes):
            file.forget()
            return self._content(reading, file, plan)
        return self._answer(file, file.state, value)

    def _first_look(self, file: File, plan: Plan) -> None:
        self._state(file, plan)
        if not file.hashed and not self._memo.expects(file.path):
            plan.hashes[file.path] = None

    def _state(self, file: File, plan: Plan) -> None:
        plan.states[file.path] = None
        if file.alone:
            plan.alone.add(file.path)

    def _value(self, reading: Reading, file: File) -> Elf | bytes | None:
        if reading is ReadElf:
            return file.elf or (self._store.get_elf(file.digest) if file.digest else None)
        if file.data is not None or file.digest is None:
            return file.data
        return self._store.get_bytes(file.digest)

    def _answer(self, file: File, state: FileState, value: Elf | bytes) -> Answer:
        if file.digest is not None and not file.noted:
            self._memo.note(file.path, state, file.digest, self.clock_s)
        if isinstance(value, bytes):
            return BytesContent(state, file.digest or "", value)
        return ElfContent(state, file.digest or "", value)

    def _ask(self, reading: Reading, file: File, state: FileState, plan: Plan) -> None:
        if file.digest is None and not file.hashed:
            plan.hashes[file.path] = None
        elif self._may_fetch(file, state, plan):
            plan.contents[file.path] = WHOLE_BYTES
            file.wanted.add(reading)
            if file.alone:
                plan.alone.add(file.path)

    def _may_fetch(self, file: File, state: FileState, plan: Plan) -> bool:
        """Whether to fetch now: not while this or another interview fetches the same content."""
        digest = file.digest
        if file.path in plan.contents:
            return True
        if digest in self._claims:
            return False
        if digest is None or digest in self.impatient:
            return self._afford(state.size_bytes)
        if not self._store.claim(digest):
            self.waiting.add(digest)
            return False
        self._claims.add(digest)
        return self._afford(state.size_bytes)

    def _huge(self, file: File, state: FileState, plan: Plan) -> Answer | None:
        """Read the file in ranges; what it says is kept for this host and state alone."""
        name = state_digest(self._key, state)
        elf = self._store.get_elf(name)
        if elf is None:
            file.sparse = file.sparse or SparseSource(state.size_bytes)
            try:
                elf = self._store.put_elf(name, read(file.sparse))
            except RangeNeeded as need:
                start = need.offset - need.offset % BLOCK
                size = min(need.offset + need.size - start, _RANGE_BYTES)
                if self._afford(size):
                    plan.ranges[file.path] = Range(start, size + -size % BLOCK)
                return None
        self._memo.note(file.path, state, name, self.clock_s)
        return ElfContent(state, "", elf)

    def _add_range(self, file: File, part: Range, data: bytes) -> None:
        if file.sparse is None:
            return
        data = data[: max(0, file.sparse.size_bytes - part.offset)]
        file.spoiled = self._filler in data
        if not file.spoiled:
            file.sparse.add(part.offset, data)

    # --- limits ---

    def _new_file(self, path: str) -> File | None:
        if len(self._files) >= self._limits.paths:
            self.exhausted = f"{self._limits.paths} paths were looked at"
            return None
        return self._files.setdefault(path, File(path))

    def _admit(self, file: File) -> bool:
        if not file.admitted:
            if self._objects >= self._limits.objects:
                self.exhausted = f"{self._limits.objects} files were read"
                return False
            self._objects += 1
            file.admitted = True
        return True

    def _afford(self, size_bytes: int) -> bool:
        if self._planned_bytes + size_bytes > self._limits.received_bytes:
            self.exhausted = f"{self._limits.received_bytes >> 20} MiB were read"
            return False
        self._planned_bytes += size_bytes
        return True
