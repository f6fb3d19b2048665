"""
Facts on disk: the snapshots of many hosts as JSON Lines, to be judged later and elsewhere.

What hosts have in common stands once.  A snapshot that was written and read
again judges alike, although it is not equal: see `facts_lines.normal`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from preflight.errors import FactsError
from preflight.model import codec
from preflight.model.audited import Audited
from preflight.model.elf import Elf
from preflight.model.facts_lines import (
    SCHEMA,
    AnswerSetLine,
    AnswersLine,
    AuditedLine,
    BytesLine,
    BytesReference,
    ElfLine,
    ElfReference,
    EndLine,
    FactsLine,
    Header,
    HostLine,
    Line,
    MountsLine,
    StoredAnswer,
    inflate,
    line_id,
    normal,
    pack_elf,
    subject,
    unpack_elf,
)
from preflight.model.question import Answer, BytesContent, ElfContent, Question
from preflight.model.snapshot import Facts, Mount, Snapshot

_ID = re.compile(rb'\{"id":"([0-9a-f]{32})",')
_CUT_OFF = "the line is cut off, or is not one of preflight's"
_RECENT = 256  # lines kept to be compared with
_HINT = "probe again with: preflight probe --for BINARY --save FILE"

T = TypeVar("T")
_LINE: Any = Line  # mypy takes no union for a type


def write_facts(snapshots: Iterable[Snapshot], *, version: str, created_at: str) -> Iterator[bytes]:
    """Yield the lines of a facts file, each as soon as its host is known."""
    writer = Writer()
    header = Header(schema=SCHEMA, version=version, created_at=created_at)
    yield codec.encode(header) + b"\n"
    hosts = 0
    for hosts, snapshot in enumerate(snapshots, 1):  # noqa: B007 - the last number counts
        yield from writer.line(writer.host(snapshot))
    yield from writer.line(EndLine(hosts))


class Writer:
    """What stands in the file, or was said to one reader, so far."""

    def __init__(self) -> None:
        self._written: set[str] = set()
        self._new: list[bytes] = []
        self._recent: dict[Struct, str] = {}
        self._values: dict[int, tuple[object, str]] = {}  # keeps the objects, or ids come again

    def host(self, snapshot: Snapshot) -> HostLine:
        """Return the line of *snapshot*; what it refers to waits for `new`."""
        facts = msgspec.structs.replace(snapshot.facts, mounts=None, clock_s=None)
        mounts, audited = snapshot.facts.mounts, snapshot.audited
        return HostLine(
            host=snapshot.host,
            address=snapshot.address,
            status=snapshot.status,
            cause=snapshot.cause,
            reason=snapshot.reason,
            host_key=snapshot.host_key,
            rounds=snapshot.rounds,
            clock_s=snapshot.facts.clock_s,
            facts=self.refer(FactsLine(facts, dict(snapshot.facts_unknown))),
            mounts=None if mounts is None else self.once(MountsLine(mounts)),
            answers=self._answers(snapshot.answers),
            audited=None if audited is None else self.refer(AuditedLine(audited)),
        )

    def line(self, line: Line) -> list[bytes]:
        """Return the lines that *line* refers to and that are new, then itself."""
        self.refer(line)
        return self.new()

    def new(self) -> list[bytes]:
        """Return the lines that were referred to for the first time since the last call."""
        new, self._new = self._new, []
        return new

    def refer(self, line: Struct) -> str:
        """Return the id of *line*, which stands in the file from the next `new` on."""
        rest = codec.encode(line)[1:]
        name = line_id(rest)
        if name not in self._written or isinstance(line, HostLine | EndLine):
            self._written.add(name)
            self._new.append(b'{"id":"%b",%b\n' % (name.encode("ascii"), rest))
        return name

    def once(self, line: Struct) -> str:
        """Return `refer` of *line*, which many hosts have: an equal one is not encoded again."""
        name = self._recent.get(line)
        if name is None:
            if len(self._recent) == _RECENT:
                self._recent.clear()
            name = self._recent[line] = self.refer(line)
        return name

    def _answers(self, answers: Mapping[Question, Answer]) -> str:
        stored = ((question, self._stored(answer)) for question, answer in normal(answers))
        parts = groupby(stored, key=lambda pair: subject(pair[0]).rpartition("/")[0])
        lines = (AnswersLine(tuple(pairs)) for _, pairs in parts)
        return self.refer(AnswerSetLine(tuple(map(self.refer, lines))))

    def _stored(self, answer: Answer) -> StoredAnswer:
        if isinstance(answer, ElfContent):
            return ElfReference(answer.state, answer.sha256, self._once(answer.elf, pack_elf))
        if isinstance(answer, BytesContent):
            data = self._once(answer.data, lambda data: BytesLine(zlib.compress(data)))
            return BytesReference(answer.state, answer.sha256, data)
        return answer

    def _once(self, value: T, pack: Callable[[T], Line]) -> str:
        """Return the id of the line of *value*, packed once for all hosts that share the object."""
        known = self._values.get(id(value))
        if known is None:
            known = self._values[id(value)] = value, self.refer(pack(value))
        return known[1]


def read_facts(lines: Iterable[bytes], name: str) -> Iterator[Snapshot]:
    """
    Yield the snapshots of the facts file *name*; they share what stands once.

    Raises FactsError, ``name:line: …``, for a file that is cut off, damaged or
    of another schema.
    """
    reader = _File()
    number = 0
    for number, line in enumerate(lines, 1):
        try:
            if (snapshot := reader.read(line, number)) is not None:
                yield snapshot
        except (msgspec.MsgspecError, UnicodeError, ValueError, KeyError, zlib.error) as error:
            raise FactsError(f"{name}:{number}: {_reason(error)}", _HINT) from None
    if not reader.ended:
        raise FactsError(f"{name}:{number + 1}: the file ends early", _HINT)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it refers to {error}, which no line above has"
    return f"not valid: {error}"


class _File:
    """One facts file, read up to some line."""

    def __init__(self) -> None:
        self.ended = False
        self._reader = Reader()
        self._hosts = 0

    def read(self, line: bytes, number: int) -> Snapshot | None:
        """Take in one line; return the host that it is about, if any."""
        if self.ended:
            raise ValueError("there is something after the end")
        if number == 1:
            self._header(line)
            return None
        if not line.endswith(b"\n"):
            raise ValueError(_CUT_OFF)
        name = named(line[:-1])
        value = codec.decode(line, _LINE)
        if isinstance(value, HostLine):
            self._hosts += 1
            return self._reader.host(value)
        if isinstance(value, EndLine):
            self._end(value.hosts)
        else:
            self._reader.keep(name, value)
        return None

    def _header(self, line: bytes) -> None:
        try:
            schema = codec.decode(line, Header).schema
        except msgspec.MsgspecError:
            raise ValueError("it is no facts file") from None
        if schema != SCHEMA:
            raise ValueError(f"the schema is {schema!r}, not {SCHEMA!r}")

    def _end(self, hosts: int) -> None:
        if hosts != self._hosts:
            raise ValueError(f"{self._hosts} hosts were here, and {hosts} were written")
        self.ended = True


def named(line: bytes) -> str:
    """Return the id of *line*, without its end; raises ValueError where it is another's."""
    found = _ID.match(line)
    if found is None:
        raise ValueError(_CUT_OFF)
    name = found[1].decode("ascii")
    if name != line_id(line[found.end() :]):
        raise ValueError(f"what follows the id is not what {name} was made of")
    return name


class Reader:
    """What stood in the lines so far, by their ids; hosts that refer to one line share it."""

    def __init__(self) -> None:
        self._elfs: dict[str, Elf] = {}
        self._data: dict[str, bytes] = {}
        self._answers: dict[str, dict[Question, Answer]] = {}
        self._sets: dict[str, Mapping[Question, Answer]] = {}
        self._mounts: dict[str, tuple[Mount, ...]] = {}
        self._audited: dict[str, Audited] = {}
        self._facts: dict[str, tuple[Facts, Mapping[str, str]]] = {}

    def keep(self, name: str, line: Any) -> None:
        """Take in the line *name*; raises KeyError where it refers to one that never came."""
        match line:
            case ElfLine():
                self._elfs[name] = unpack_elf(line)
            case BytesLine(data):
                self._data[name] = inflate(data)
            case AnswersLine(answers):
                self._answers[name] = {q: self._answer(stored) for q, stored in answers}
            case AnswerSetLine(parts):
                whole = {q: a for part in parts for q, a in self._answers[part].items()}
                self._sets[name] = MappingProxyType(whole)
            case MountsLine(mounts):
                self._mounts[name] = mounts
            case AuditedLine(audited):
                self._audited[name] = audited
            case FactsLine(facts, unknown):
                self._facts[name] = facts, MappingProxyType(unknown)

    def host(self, line: HostLine) -> Snapshot:
        """Return the snapshot that `Writer.host` was given; raises KeyError like `keep`."""
        facts, unknown = self._facts[line.facts]
        mounts = None if line.mounts is None else self._mounts[line.mounts]
        return Snapshot(
            host=line.host,
            address=line.address,
            status=line.status,
            cause=line.cause,
            reason=line.reason,
            host_key=line.host_key,
            rounds=line.rounds,
            facts=msgspec.structs.replace(facts, mounts=mounts, clock_s=line.clock_s),
            facts_unknown=unknown,
            answers=self._sets[line.answers],
            audited=None if line.audited is None else self._audited[line.audited],
        )

    def _answer(self, stored: StoredAnswer) -> Answer:
        if isinstance(stored, ElfReference):
            return ElfContent(stored.state, stored.sha256, self._elfs[stored.elf])
        if isinstance(stored, BytesReference):
            return BytesContent(stored.state, stored.sha256, self._data[stored.data])
        return stored
