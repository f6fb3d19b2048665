"""What one host's files were when last seen: saves hashing, and chooses the first questions."""

from __future__ import annotations

from msgspec import Struct

from preflight.model.question import FileState

_RACY_S = 2  # seconds in which a file may change again without a change of its times
_ENTRIES = 16384  # of one host; the oldest go first


class Memo(Struct):
    """
    Which content had which state, on one host.

    A state is (device, inode, size, mtime, ctime): whoever changes a file's
    content changes its ctime, and no unprivileged call sets that back.
    """

    digests: dict[str, str] = {}
    paths: dict[str, str] = {}  # path: the state it had, to guess what it will have
    kind: str = ""  # of host: whose hints to begin with
    changed: bool = False

    def get(self, state: FileState) -> str | None:
        """Return the name of the content that this very state had, None where none is known."""
        return self.digests.get(_key(state))

    def expects(self, path: str) -> bool:
        """Whether the content at *path* was known last time."""
        return path in self.paths

    def note_kind(self, kind: str) -> None:
        """Keep what kind of host it is."""
        if kind != self.kind:
            self.kind = kind
            self.changed = True

    def note(self, path: str, state: FileState, digest: str, clock_s: int | None) -> None:
        """Keep that *state* means *digest*, unless it may change unseen: see `_RACY_S`."""
        key = _key(state)
        if state.device < 0 or clock_s is None or state.ctime_s > clock_s - _RACY_S:
            return
        if self.digests.get(key) == digest and self.paths.get(path) == key:
            return
        self.digests[key] = digest
        self.paths[path] = key
        self.changed = True
        for table in (self.digests, self.paths):
            while len(table) > _ENTRIES:
                del table[next(iter(table))]


def _key(state: FileState) -> str:
    numbers = (state.device, state.inode, state.size_bytes, state.mtime_s, state.ctime_s)
    return " ".join(map(str, numbers))
