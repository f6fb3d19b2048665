"""
The lines of a facts file: what stands once, and how hosts refer to it.

A line is a JSON object of which ``kind`` names the form, and ``id`` the
beginning of the SHA-256 of all that follows ``id``.  Files and directories
are named by numbers that mean the same on all hosts with the same paths, so
that hosts of one image share their answers.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from preflight.model.audited import Audited
from preflight.model.elf import Elf, SymbolTable
from preflight.model.question import (
    Absent,
    Answer,
    BytesContent,
    ElfContent,
    Failed,
    FileState,
    Listing,
    Offers,
    Package,
    Question,
    Said,
)
from preflight.model.snapshot import Facts, HostKeyState, Mount, Status

SCHEMA = "preflight.facts/1"
INFLATED_LIMIT = 256 << 20  # bytes of one value


class Header(Struct, frozen=True, kw_only=True):
    """The first line: *version* is that of the preflight that wrote it, *created_at* RFC 3339."""

    schema: str
    version: str
    created_at: str


class ElfLine(Struct, frozen=True, tag="elf", tag_field="kind"):
    """What one file says of itself; *names* and *records* are the symbols' columns, by zlib."""

    elf: Elf
    names: bytes | None = None
    records: bytes | None = None


class BytesLine(Struct, frozen=True, tag="bytes", tag_field="kind"):
    """The content of one small file, compressed by zlib."""

    data: bytes


class ElfReference(Struct, frozen=True, tag="elf-content"):
    """An `ElfContent` whose Elf stands in the line *elf*."""

    state: FileState
    sha256: str
    elf: str


class BytesReference(Struct, frozen=True, tag="bytes-content"):
    """A `BytesContent` whose data stands in the line *data*."""

    state: FileState
    sha256: str
    data: str


StoredAnswer = FileState | ElfReference | BytesReference | Listing | Offers | Said | Absent | Failed


class AnswersLine(Struct, frozen=True, tag="answers", tag_field="kind"):
    """The answers about the paths of one directory."""

    answers: tuple[tuple[Question, StoredAnswer], ...]


class AnswerSetLine(Struct, frozen=True, tag="answer-set", tag_field="kind"):
    """All answers of a host: the lines of its directories."""

    parts: tuple[str, ...]


class MountsLine(Struct, frozen=True, tag="mounts", tag_field="kind"):
    """The mounts of a host."""

    mounts: tuple[Mount, ...]


class FactsLine(Struct, frozen=True, tag="facts", tag_field="kind"):
    """The facts of a host but for its mounts and its clock, and why some are unknown."""

    facts: Facts
    unknown: dict[str, str]


class AuditedLine(Struct, frozen=True, tag="audited", tag_field="kind"):
    """What an audit found on a host."""

    audited: Audited


class HostLine(Struct, frozen=True, kw_only=True, tag="host", tag_field="kind"):
    """One host; *facts*, *mounts*, *answers*, *audited* are the ids of lines above."""

    host: str
    address: str
    status: Status
    cause: str | None = None
    reason: str | None = None
    host_key: HostKeyState | None = None
    rounds: int = 0
    clock_s: int | None = None
    facts: str
    mounts: str | None = None
    answers: str
    audited: str | None = None


class EndLine(Struct, frozen=True, tag="end", tag_field="kind"):
    """The last line: a file without it was cut off."""

    hosts: int


Line = (
    ElfLine
    | BytesLine
    | AnswersLine
    | AnswerSetLine
    | MountsLine
    | FactsLine
    | AuditedLine
    | HostLine
    | EndLine
)


def pack_elf(elf: Elf) -> ElfLine:
    """Return the line of *elf*."""
    if elf.symbols is None:
        return ElfLine(elf)
    bare = msgspec.structs.replace(elf, symbols=None)
    return ElfLine(bare, zlib.compress(elf.symbols.names), zlib.compress(elf.symbols.records))


def unpack_elf(line: ElfLine) -> Elf:
    """Return what `pack_elf` was given; raises ValueError, zlib.error."""
    if line.names is None or line.records is None:
        return line.elf
    symbols = SymbolTable(inflate(line.names), inflate(line.records))
    return msgspec.structs.replace(line.elf, symbols=symbols)


def inflate(packed: bytes) -> bytes:
    """Return what zlib made *packed* of; raises zlib.error, ValueError for an absurd size."""
    stream = zlib.decompressobj()
    data = stream.decompress(packed, INFLATED_LIMIT)
    if stream.unconsumed_tail or not stream.eof:
        raise ValueError("compressed data is cut off or too long")
    return data


def normal(answers: Mapping[Question, Answer]) -> Iterator[tuple[Question, Answer]]:
    """
    Yield *answers* by path, without what differs between two hosts of one image.

    Times are dropped.  Devices are counted, and an inode becomes a number made
    from the first path that leads to it: the same (device, inode) before, the
    same after, and only then.
    """
    numbers = _Numbers()
    for question in sorted(answers, key=_order):
        answer = answers[question]
        if isinstance(answer, FileState):
            yield question, numbers.normal(answer, subject(question))
        elif isinstance(answer, ElfContent | BytesContent):
            state = numbers.normal(answer.state, subject(question))
            yield question, msgspec.structs.replace(answer, state=state)
        else:
            yield question, answer


def subject(question: Question) -> str:
    """Return what *question* is about: a path, or the name of a library."""
    return question.name if isinstance(question, Package) else question.path


def _order(question: Question) -> tuple[str, str, str, str]:
    name, kind = subject(question), type(question).__name__
    # Of one library several versions may be asked.
    return name.rpartition("/")[0], name, kind, str(question)


class _Numbers:
    """The new numbers of one host's devices and inodes."""

    def __init__(self) -> None:
        self._devices = {-1: -1}  # stays: the host could not tell
        self._inodes: dict[tuple[int, int], int] = {}
        self._taken: set[int] = set()

    def normal(self, state: FileState, path: str) -> FileState:
        """Return *state* without times, its numbers those of every host of the image."""
        device = self._devices.setdefault(state.device, len(self._devices))
        return FileState(
            state.mode,
            state.uid,
            state.gid,
            device,
            self._inode((state.device, state.inode), path),
            state.size_bytes,
            0,
            0,
            state.real,
        )

    def _inode(self, place: tuple[int, int], path: str) -> int:
        number = self._inodes.get(place)
        if number is None:
            number = int.from_bytes(_sha256(path.encode("utf-8", "surrogateescape"))[:6])
            while number in self._taken:
                number += 1
            self._taken.add(number)
            self._inodes[place] = number
        return number


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def line_id(rest: bytes) -> str:
    """Return the id of a line, from all that follows the id in it."""
    return _sha256(rest).hex()[:32]
