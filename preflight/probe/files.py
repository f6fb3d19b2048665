"""What one interview knows of one path, and what it still has to ask to answer a question."""

from __future__ import annotations

import stat

from msgspec import Struct, field

from preflight.elf import SparseSource
from preflight.model.elf import Elf
from preflight.model.question import (
    Answer,
    Failed,
    FileState,
    Listing,
    ReadBytes,
    ReadElf,
)
from preflight.probe.requests import State
from preflight.probe.states import CHANGED

WHOLE_BYTES = 64 << 20  # larger files are read in ranges
SMALL_BYTES = 4 << 20  # the most that a `ReadBytes` brings
TRIES = 2  # looks at a file that changes meanwhile

Reading = type[ReadElf] | type[ReadBytes]


class File(Struct):
    """
    One path of one host.

    *digest* names the content that belongs to *state*: by the host's own hash
    tool, by the memo, or by the bytes that it sent.
    """

    path: str
    state: State | None = None
    listed: bool = False  # the host was asked for the names
    names: tuple[str, ...] | None = None
    digest: str | None = None
    hashed: bool = False  # the host was asked for the hash
    noted: bool = False  # the digest came from the memo
    wanted: set[Reading] = field(default_factory=set)  # how to read what is being transferred
    elf: Elf | None = None
    data: bytes | None = None
    received: tuple[str, int] | None = None  # digest and length of what was transferred last
    spoiled: bool = False  # the host could not send all of what was asked
    error: str | None = None  # errno of opening it
    sparse: SparseSource | None = None  # what is here of a file that is read in ranges
    alone: bool = False  # its state shares no request with others
    tries: int = 0
    admitted: bool = False  # counts as one of the objects of the interview

    def listing(self) -> Answer | None:
        """Return what a look at the directory means, None while nobody has looked."""
        if not isinstance(self.state, FileState):
            return self.state
        if self.state.kind != "directory":
            return Failed("ENOTDIR")
        return Failed("EACCES") if self.names is None else Listing(self.names)

    def refusal(self, reading: Reading) -> Answer | None:
        """Return why the content is not going to be read, None where nothing speaks against it."""
        if not isinstance(self.state, FileState):
            return self.state
        if self.state.kind == "directory":
            return Failed("EISDIR")
        if self.state.kind != "file":
            return Failed(f"is a {_kind(self.state.mode)}")
        if reading is ReadBytes and self.state.size_bytes > SMALL_BYTES:
            return Failed("EFBIG")
        if self.error is not None:
            return Failed(self.error)
        return Failed(CHANGED) if self.tries >= TRIES else None

    def settle(self, after: State | None) -> None:
        """Keep what was transferred where the file's state is still what it was before."""
        if self.error is None and not (self._arrived() and _same(self.state, after)):
            self.forget()
            self.state = after
        elif self.received:
            self.digest = self.received[0]
        self.received, self.spoiled = None, False
        self.wanted.clear()

    def forget(self) -> None:
        """Drop what is known of the content: the file has changed."""
        self.state = self.digest = self.elf = self.data = self.sparse = None
        self.hashed = self.noted = False
        self.tries += 1

    def _arrived(self) -> bool:
        if self.sparse is not None or self.received is None:
            return self.sparse is not None and not self.spoiled
        digest, size = self.received
        # What /proc holds has content and no size.
        fits = isinstance(self.state, FileState) and self.state.size_bytes in (0, size)
        return fits and self.digest in (None, digest)


def _same(before: State | None, after: State | None) -> bool:
    if not isinstance(before, FileState) or not isinstance(after, FileState):
        return False
    return _identity(before) == _identity(after)


def _identity(state: FileState) -> tuple[int, ...]:
    return (state.device, state.inode, state.size_bytes, state.mtime_s, state.ctime_s)


def _kind(mode: int) -> str:
    names = {
        stat.S_IFIFO: "FIFO",
        stat.S_IFSOCK: "socket",
        stat.S_IFCHR: "character device",
        stat.S_IFBLK: "block device",
    }
    return names.get(stat.S_IFMT(mode), "file of an unknown type")
