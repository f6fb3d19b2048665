"""What kernel and loaders said before, on disk: roots in the cache do not change."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Self

import msgspec

from tests.crosscheck.pairs import Evidence, Pair

PLACE = Path("/var/cache/preflight-test-hosts/crosscheck")
# Raised when `gather` asks something else than before.
EDITION = 3


class Record:
    """The evidence of one chunk of files in one target."""

    def __init__(self, source: Path, target: Path, first: str) -> None:
        key = f"{EDITION}\0{source}\0{target}\0{first}".encode()
        self._path = PLACE / hashlib.sha256(key).hexdigest()[:32]
        self._known: dict[str, Evidence] = {}
        self._changed = False

    def get(self, pair: Pair) -> Evidence | None:
        """Return what was said of *pair*."""
        return self._known.get(_name(pair))

    def put(self, pair: Pair, evidence: Evidence) -> None:
        """Keep what was said of *pair*."""
        self._known[_name(pair)] = evidence
        self._changed = True

    def __enter__(self) -> Self:
        if self._path.exists():
            data = zlib.decompress(self._path.read_bytes())
            self._known = msgspec.msgpack.decode(data, type=dict[str, Evidence])
        return self

    def __exit__(self, *exc: object) -> None:
        if self._changed:
            PLACE.mkdir(parents=True, exist_ok=True)
            data = zlib.compress(msgspec.msgpack.encode(self._known), 1)
            partial = self._path.with_suffix(".partial")
            partial.write_bytes(data)
            partial.rename(self._path)


def _name(pair: Pair) -> str:
    return f"{pair.path}\0{pair.env}"
