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

from preflight.errors import FactsError
from preflight.model import codec
from preflight.model.elf import Elf
from preflight.model.facts_lines import (
    SCHEMA,
    AnswerSetLine,
    AnswersLine,
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
    unpack_elf,
)
from preflight.model.question import Answer, BytesContent, ElfContent, Question
from preflight.model.snapshot import Facts, Mount, Snapshot

_ID = re.compile(rb'\{"id":"([0-9a-f]{32})",')
_HINT = "probe again with: preflight probe --for BINARY --save FILE"

T = TypeVar("T")
_LINE: Any = Line  # mypy takes no union for a type


def write_facts(snapshots: Iterable[Snapshot], *, version: str, created_at: str) -> Iterator[bytes]:
    """Yield the lines of a facts file, each as soon as its host is known."""
    writer = _Writer()
    header = Header(schema=SCHEMA, version=version, created_at=created_at)
    yield codec.encode(header) + b"\n"
    hosts = 0
    for hosts, snapshot in enumerate(snapshots, 1):  # noqa: B007 - the last number counts
        yield from writer.host(snapshot)
    yield from writer.line(EndLine(hosts))


class _Writer:
    """What stands in the file so far."""

    def __init__(self) -> None:
        self._written: set[str] = set()
        self._new: list[bytes] = []
        self._values: dict[int, tuple[object, str]] = {}  # keeps the objects, or ids come again

    def host(self, snapshot: Snapshot) -> Iterator[bytes]:
        facts = msgspec.structs.replace(snapshot.facts, mounts=None, clock_s=None)
        mounts = snapshot.facts.mounts
        yield from self.line(
            HostLine(
                host=snapshot.host,
                address=snapshot.address,
                status=snapshot.status,
                cause=snapshot.cause,
                reason=snapshot.reason,
                rounds=snapshot.rounds,
                clock_s=snapshot.facts.clock_s,
                facts=self._refer(FactsLine(facts, dict(snapshot.facts_unknown))),
                mounts=None if mounts is None else self._refer(MountsLine(mounts)),
                answers=self._answers(snapshot.answers),
            )
        )

    def line(self, line: Line) -> Iterator[bytes]:
        """Yield the lines that *line* refers to and that are new, then itself."""
        self._refer(line)
        yield from self._new
        self._new.clear()

    def _refer(self, line: Line) -> str:
        """Return the id of *line*, which stands in the file from now on."""
        rest = codec.encode(line)[1:]
        name = line_id(rest)
        if name not in self._written or isinstance(line, HostLine | EndLine):
            self._written.add(name)
            self._new.append(b'{"id":"%b",%b\n' % (name.encode("ascii"), rest))
        return name

    def _answers(self, answers: Mapping[Question, Answer]) -> str:
        stored = ((question, self._stored(answer)) for question, answer in normal(answers))
        parts = groupby(stored, key=lambda pair: pair[0].path.rpartition("/")[0])
        lines = (AnswersLine(tuple(pairs)) for _, pairs in parts)
        return self._refer(AnswerSetLine(tuple(map(self._refer, lines))))

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
            known = self._values[id(value)] = value, self._refer(pack(value))
        return known[1]


def read_facts(lines: Iterable[bytes], name: str) -> Iterator[Snapshot]:
    """
    Yield the snapshots of the facts file *name*; they share what stands once.

    Raises FactsError, ``name:line: …``, for a file that is cut off, damaged or
    of another schema.
    """
    reader = _Reader()
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


class _Reader:
    """What stood in the file so far, by the ids of its lines."""

    def __init__(self) -> None:
        self.ended = False
        self._elfs: dict[str, Elf] = {}
        self._data: dict[str, bytes] = {}
        self._answers: dict[str, dict[Question, Answer]] = {}
        self._sets: dict[str, Mapping[Question, Answer]] = {}
        self._mounts: dict[str, tuple[Mount, ...]] = {}
        self._facts: dict[str, tuple[Facts, Mapping[str, str]]] = {}
        self._hosts = 0

    def read(self, line: bytes, number: int) -> Snapshot | None:
        """Take in one line; return the host that it is about, if any."""
        if self.ended:
            raise ValueError("there is something after the end")
        if number == 1:
            self._header(line)
            return None
        found = _ID.match(line)
        if found is None or not line.endswith(b"\n"):
            raise ValueError("the line is cut off, or is not one of preflight's")
        name = found[1].decode("ascii")
        if name != line_id(line[found.end() : -1]):
            raise ValueError(f"what follows the id is not what {name} was made of")
        value = codec.decode(line, _LINE)
        if isinstance(value, HostLine):
            return self._host(value)
        self._keep(name, value)
        return None

    def _header(self, line: bytes) -> None:
        try:
            schema = codec.decode(line, Header).schema
        except msgspec.MsgspecError:
            raise ValueError("it is no facts file") from None
        if schema != SCHEMA:
            raise ValueError(f"the schema is {schema!r}, not {SCHEMA!r}")

    def _keep(self, name: str, line: Any) -> None:
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
            case FactsLine(facts, unknown):
                self._facts[name] = facts, MappingProxyType(unknown)
            case EndLine(hosts):
                self._end(hosts)

    def _end(self, hosts: int) -> None:
        if hosts != self._hosts:
            raise ValueError(f"{self._hosts} hosts were here, and {hosts} were written")
        self.ended = True

    def _answer(self, stored: StoredAnswer) -> Answer:
        if isinstance(stored, ElfReference):
            return ElfContent(stored.state, stored.sha256, self._elfs[stored.elf])
        if isinstance(stored, BytesReference):
            return BytesContent(stored.state, stored.sha256, self._data[stored.data])
        return stored

    def _host(self, line: HostLine) -> Snapshot:
        self._hosts += 1
        facts, unknown = self._facts[line.facts]
        mounts = None if line.mounts is None else self._mounts[line.mounts]
        return Snapshot(
            host=line.host,
            address=line.address,
            status=line.status,
            cause=line.cause,
            reason=line.reason,
            rounds=line.rounds,
            facts=msgspec.structs.replace(facts, mounts=mounts, clock_s=line.clock_s),
            facts_unknown=unknown,
            answers=self._sets[line.answers],
        )
