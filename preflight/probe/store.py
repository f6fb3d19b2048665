"""
The library store: what was read once of any host is not read again.

A content is named by the SHA-256 of its bytes, computed here, so that no host
can speak for another host's library.  Values in memory are shared: two hosts
with the same library hold the same `Elf`.  Without a directory all stays in
memory, for as long as there is room.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import msgspec
from msgspec import structs

from preflight.elf import read_bytes
from preflight.model import codec
from preflight.model.elf import Elf, SymbolTable
from preflight.model.question import FileQuestion, FileState
from preflight.probe.memo import Memo
from preflight.probe.records import Pruned, Record, Records

MEMORY_BYTES = 256 << 20
SIZE_BYTES = 2 << 30  # of the directory, if nobody says otherwise
_KINDS = 256  # of hosts and programs, whose hints stay in memory
_MORE_HINTS = 64  # that other hosts of a kind may add, besides as many as one host has
_OVERHEAD = 4096  # bytes of a value besides its tables, roughly

T = TypeVar("T")
V = TypeVar("V", Elf, bytes)


class Holdings(msgspec.Struct, frozen=True):
    """The records of one kind."""

    records: int
    size_bytes: int  # that they take up
    oldest_s: float  # since the epoch: when the least recently used was used


class Store:
    """Contents, memos and hints; safe for many threads, and processes on one directory."""

    def __init__(self, directory: Path | None = None, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._records = Records(directory) if directory else None
        self._recent: OrderedDict[str, Any] = OrderedDict()
        self._tables: WeakValueDictionary[int, SymbolTable] = WeakValueDictionary()  # by hash
        self._room = memory_bytes
        self._kept: dict[str, bytes] = {}
        self._hints: dict[str, tuple[FileQuestion, ...]] = {}
        self._flights: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    # --- contents ---

    def get_elf(self, digest: str) -> Elf | None:
        """Return what the content *digest* says as an ELF file, None where it is not known."""
        name = _elf_name(digest)
        value = self._recall(name)
        if value is None and (elf := _decoded(self._read(name), Elf)) is not None:
            value = self._keep(name, self._sharing(elf))
        return value if isinstance(value, Elf) else None

    def get_bytes(self, digest: str) -> bytes | None:
        """Return the content *digest*, None where it is not known."""
        name = _bytes_name(digest)
        value = self._recall(name)
        if value is None and (data := self._read(name)) is not None:
            value = self._keep(name, data)
        return value if isinstance(value, bytes) else None

    def add_elf(self, data: bytes) -> tuple[str, Elf]:
        """Read *data* as an ELF file; return its digest and what it says."""
        digest = hashlib.sha256(data).hexdigest()
        return digest, self.get_elf(digest) or self.put_elf(digest, read_bytes(data))

    def put_elf(self, digest: str, elf: Elf) -> Elf:
        """Keep *elf* under a name that nobody but the caller can claim; see `state_digest`."""
        name = _elf_name(digest)
        self._write(name, codec.encode(elf))
        return self._keep(name, self._sharing(elf))

    def add_bytes(self, data: bytes) -> tuple[str, bytes]:
        """Keep *data*; return its digest and the one copy of it."""
        digest = hashlib.sha256(data).hexdigest()
        if (known := self.get_bytes(digest)) is not None:
            return digest, known
        name = _bytes_name(digest)
        self._write(name, data)
        return digest, self._keep(name, data)

    # --- one download of a content at a time ---

    def claim(self, digest: str) -> bool:
        """Whether the caller may fetch *digest* now; then it has to `release` it."""
        with self._lock:
            if digest in self._flights:
                return False
            self._flights[digest] = threading.Event()
            return True

    def release(self, digest: str) -> None:
        """End a claim, whether the content came or not."""
        with self._lock:
            self._flights.pop(digest).set()

    def wait(self, digest: str, seconds: float) -> None:
        """Wait until nobody fetches *digest*, at most *seconds*."""
        with self._lock:
            flight = self._flights.get(digest)
        if flight is not None:
            flight.wait(seconds)

    # --- per host and per kind of host ---

    def memo(self, key: str) -> Memo:
        """Return what is known of the files of the host *key*."""
        return _decoded(self._small(f"memo/{_hashed(key)}"), Memo) or Memo()

    def save_memo(self, key: str, memo: Memo) -> None:
        """Keep *memo* for the host *key*."""
        self._keep_small(f"memo/{_hashed(key)}", codec.encode(memo))

    def hints(self, key: str) -> tuple[FileQuestion, ...]:
        """Return the questions that `remember` was given for *key*, a kind of host."""
        with self._lock:
            known = self._hints.get(key)
        if known is None:
            name = f"hints/{_hashed(key)}"
            known = _decoded(self._small(name), tuple[FileQuestion, ...]) or ()
            self._keep_hints(key, known)
        return known

    def remember(self, key: str, questions: Sequence[FileQuestion]) -> None:
        """
        Have *questions* asked first next time; they never stand for answers.

        They come to those of other hosts of the kind, as long as these are not
        more than a host of this kind would want to hear.
        """
        known = self.hints(key)
        new = set(questions).difference(known)
        if not new:
            return
        whole = (*known, *(question for question in questions if question in new))
        if len(whole) > 2 * len(questions) + _MORE_HINTS:
            whole = tuple(questions)
        self._keep_hints(key, whole)
        self._keep_small(f"hints/{_hashed(key)}", codec.encode(whole))

    # --- the directory ---

    def holdings(self) -> dict[str, Holdings]:
        """Return what there is of each kind: elf, stale, bytes, memo, hints."""
        found: dict[str, list[Record]] = {}
        for record in self._records.all() if self._records else ():
            kind = "stale" if is_stale(record.name) else record.name.partition("/")[0]
            found.setdefault(kind, []).append(record)
        return {
            kind: Holdings(
                records=len(records),
                size_bytes=sum(record.size_bytes for record in records),
                oldest_s=min(record.used_s for record in records),
            )
            for kind, records in found.items()
        }

    def prune(self, limit_bytes: int) -> Pruned:
        """Remove what an older reader wrote, then the least recently used, above *limit_bytes*."""
        return self._records.prune(limit_bytes, is_stale) if self._records else Pruned(0, 0, 0)

    def prune_daily(self, limit_bytes: int) -> None:
        """Do so once a day."""
        if self._records:
            self._records.prune_daily(limit_bytes, is_stale)

    # --- memory and disk ---

    def _recall(self, name: str) -> Any:
        with self._lock:
            value = self._recent.get(name)
            if value is not None:
                self._recent.move_to_end(name)
            return value

    def _sharing(self, elf: Elf) -> Elf:
        """Return *elf* with the very symbol table of another build, where that has an equal one."""
        if elf.symbols is None:
            return elf
        with self._lock:
            known = self._tables.setdefault(hash(elf.symbols), elf.symbols)
        return structs.replace(elf, symbols=known) if known == elf.symbols else elf

    def _keep(self, name: str, value: V) -> V:
        """Return *value*, or the equal one that another thread kept before."""
        with self._lock:
            kept: V | None = self._recent.get(name)
            if kept is not None:
                return kept
            self._recent[name] = value
            self._room -= _cost(value)
            while self._room < 0 and len(self._recent) > 1:
                self._room += _cost(self._recent.popitem(last=False)[1])
        return value

    def _read(self, name: str) -> bytes | None:
        return self._records.read(name) if self._records else None

    def _write(self, name: str, payload: bytes) -> None:
        if self._records:
            self._records.write(name, payload)

    def _keep_hints(self, key: str, questions: tuple[FileQuestion, ...]) -> None:
        with self._lock:
            self._hints[key] = questions
            while len(self._hints) > _KINDS:
                del self._hints[next(iter(self._hints))]

    def _small(self, name: str) -> bytes | None:
        return self._records.read(name) if self._records else self._kept.get(name)

    def _keep_small(self, name: str, record: bytes) -> None:
        if self._records:
            self._records.write(name, record)
        else:
            self._kept[name] = record


def state_digest(key: str, state: FileState) -> str:
    """Return a name for the content that one file of the host *key* has in *state*."""
    return _hashed(codec.encode((key, state)).decode())


def is_stale(name: str) -> bool:
    """Return whether the record *name* is of another reader, and so of no use to this one."""
    return name.startswith("elf/") and not name.startswith(f"elf/{reader_version()}/")


@cache
def reader_version() -> str:
    """Return a name for this very reader: what another one wrote is read again."""
    folder = resources.files("preflight.elf")
    sources = [item for item in folder.iterdir() if item.name.endswith(".py")]
    sources.append(resources.files("preflight.model").joinpath("elf.py"))
    code = hashlib.sha256()
    for source in sorted(sources, key=lambda item: item.name):
        code.update(source.read_bytes())
    return code.hexdigest()[:12]


def _elf_name(digest: str) -> str:
    return f"elf/{reader_version()}/{digest[:2]}/{digest[2:]}"


def _bytes_name(digest: str) -> str:
    return f"bytes/{digest[:2]}/{digest[2:]}"


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _decoded(record: bytes | None, kind: type[T]) -> T | None:
    """Return what *record* holds; one that an older release wrote otherwise counts as absent."""
    if record is None:
        return None
    try:
        return codec.decode(record, kind)
    except msgspec.DecodeError:
        return None


def _cost(value: Elf | bytes) -> int:
    if isinstance(value, bytes):
        return len(value) + _OVERHEAD
    tables = value.symbols
    return _OVERHEAD + (len(tables.names) + len(tables.records) if tables else 0)
