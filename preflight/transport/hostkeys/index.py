"""
The lines of one known_hosts file: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".

paramiko's own reader is of no use here: one line that it does not know loses
the whole file, loading takes quadratic time, and there are no wildcards, no
negation and no case folding.
"""

from __future__ import annotations

import binascii
import functools
import hashlib
import re
import threading
from collections.abc import Iterator
from typing import NamedTuple

from preflight.transport.hostkeys.key import PublicKey, read_key

_MARKERS = {b"@revoked": "revoked", b"@cert-authority": "cert-authority"}
_BLANK = re.compile(rb"[ \t]+")
# What `bytes.split` takes for a blank, but OpenSSH does not.
_OTHER_BLANK = re.compile(rb"[\v\f\r](?!\n)")
_SPECIAL = re.compile(rb"[*?!]")
_SHA1_BYTES = 20
# HMAC with its key's two pads made beforehand: twice as fast as `hmac.digest`.
# Source: RFC 2104.
_SHA1_BLOCK_BYTES = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class Entry(NamedTuple):
    """What one line says: this key, with this marker ("" for most)."""

    marker: str
    key: PublicKey
    path: str
    line: int

    @property
    def place(self) -> str:
        """Where the entry stands, as ``file:line``."""
        return f"{self.path}:{self.line}"


class _Hashed(NamedTuple):
    inner: bytes  # the salt's pads
    outer: bytes
    digest: bytes
    entry: Entry


class _Pattern(NamedTuple):
    """A line with wildcards or negation, under one of its words."""

    word: bytes
    unwanted: tuple[bytes, ...]
    entry: Entry

    def matches(self, name: bytes) -> bool:
        return _matches(self.word, name) and not any(_matches(w, name) for w in self.unwanted)


class Index:
    """
    The lines of one file, found by name; lines may be added at any time, by any thread.

    A line with wildcards is found by how its words begin and end, so that a file
    of many patterns need not be tried one by one.  A hashed line costs one HMAC
    for each name that is looked up, until it is found.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.warnings: tuple[str, ...] = ()
        self._lines = 0
        self._keys: dict[bytes, PublicKey] = {}  # lines with the same key share it
        self._plain: dict[bytes, list[Entry]] = {}
        # By the bytes before the first wildcard and those after the last one.
        self._patterns: dict[tuple[bytes, bytes], list[_Pattern]] = {}
        self._lengths: set[tuple[int, int]] = set()  # of the keys of _patterns
        self._hashed: dict[int, _Hashed] = {}  # by line; those that were not found yet
        # What was looked up: how far it was tried, and what it found.
        self._tried: dict[bytes, tuple[int, list[Entry]]] = {}
        self._lock = threading.Lock()

    def find(self, name: bytes) -> tuple[Entry, ...]:
        """Return the entries that match *name*, which is in lower case, in the file's order."""
        found = tuple(self._plain.get(name, ()))
        if not (self._patterns or self._hashed or self._tried):
            return found
        matching = (p.entry for p in self._candidates(name) if p.matches(name))
        everything = {entry.line: entry for entry in (*found, *matching, *self._unhashed(name))}
        return tuple(everything[line] for line in sorted(everything))

    def add(self, content: bytes) -> None:
        """Read further lines of the file; each that is not valid becomes a warning."""
        warnings = []
        split = _split_exactly if _OTHER_BLANK.search(content) else _split
        with self._lock:
            lines = content.removesuffix(b"\n").split(b"\n") if content else []
            for number, line in enumerate(lines, self._lines + 1):
                words = split(line)
                if not words or words[0].startswith(b"#"):
                    continue
                try:
                    self._add_line(words, number)
                except ValueError as error:
                    warnings.append(f"{self.path}:{number}: {error}")
            self._lines += len(lines)
            self.warnings += tuple(warnings)

    def _add_line(self, words: list[bytes], number: int) -> None:
        marker = ""
        if words[0].startswith(b"@"):
            if words[0] not in _MARKERS:
                raise ValueError("no known marker")
            marker = _MARKERS[words.pop(0)]
        if len(words) < 3:
            raise ValueError("not 'names type key'")
        names = words[0]
        key = read_key(words[1], words[2])
        entry = Entry(marker, self._keys.setdefault(key.blob, key), self.path, number)
        if names.startswith(b"|"):
            self._hashed[number] = _read_hashed(names, entry)
        elif _SPECIAL.search(names):
            self._add_patterns(names.lower().split(b","), entry)
        else:
            for name in set(names.lower().split(b",")):
                self._plain.setdefault(name, []).append(entry)

    def _add_patterns(self, words: list[bytes], entry: Entry) -> None:
        """Source: OpenSSH match.c, match_pattern_list()."""
        unwanted = tuple(word[1:] for word in words if word.startswith(b"!"))
        for word in words:
            if word.startswith(b"!"):
                continue
            ends = _ends(word)
            self._lengths.add((len(ends[0]), len(ends[1])))
            self._patterns.setdefault(ends, []).append(_Pattern(word, unwanted, entry))

    def _candidates(self, name: bytes) -> Iterator[_Pattern]:
        for before, after in tuple(self._lengths):
            rest = len(name) - after
            if before <= rest:
                yield from self._patterns.get((name[:before], name[rest:]), ())

    def _unhashed(self, name: bytes) -> list[Entry]:
        """Return the hashed lines that mean *name*; no other name is tried on them again."""
        if not (self._hashed or self._tried):
            return []
        sha1 = hashlib.sha1  # the file format has no other
        with self._lock:
            tried, found = self._tried.get(name, (0, []))
            new = [
                entry
                for line, (inner, outer, digest, entry) in self._hashed.items()
                if line > tried and sha1(outer + sha1(inner + name).digest()).digest() == digest
            ]
            for entry in new:
                del self._hashed[entry.line]
            self._tried[name] = (self._lines, [*found, *new])
            return [*found, *new]


def _split(line: bytes) -> list[bytes]:
    return line.split(None, 4)


def _split_exactly(line: bytes) -> list[bytes]:
    line = line.strip(b" \t\r")
    return _BLANK.split(line, maxsplit=4) if line else []


def _read_hashed(names: bytes, entry: Entry) -> _Hashed:
    """Source: OpenSSH hostfile.c, host_hash()."""
    fields = names.split(b"|")
    if len(fields) != 4 or fields[1] != b"1":
        raise ValueError("not a hashed name")
    try:
        salt, digest = (binascii.a2b_base64(field, strict_mode=True) for field in fields[2:])
    except binascii.Error:
        raise ValueError("the hashed name is not base64") from None
    if len(salt) != _SHA1_BYTES or len(digest) != _SHA1_BYTES:
        raise ValueError("the hashed name has a wrong length")
    block = salt.ljust(_SHA1_BLOCK_BYTES, b"\0")
    return _Hashed(block.translate(_INNER), block.translate(_OUTER), digest, entry)


def _ends(pattern: bytes) -> tuple[bytes, bytes]:
    """Return what stands before the first wildcard and after the last one."""
    before, _, rest = pattern.replace(b"?", b"*").partition(b"*")
    return before, rest.rpartition(b"*")[2]


def _matches(pattern: bytes, name: bytes) -> bool:
    if b"?" in pattern or pattern.count(b"*") > 1:
        return _compiled(pattern).fullmatch(name) is not None
    before, star, after = pattern.partition(b"*")
    if not star:
        return name == pattern
    fits = len(name) >= len(before) + len(after)
    return fits and name.startswith(before) and name.endswith(after)


@functools.lru_cache(4096)
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    """Compile a pattern of ssh_config(5), PATTERNS: only ``*`` and ``?`` are special."""
    expression = re.escape(pattern).replace(rb"\*", b".*").replace(rb"\?", b".")
    return re.compile(expression, re.DOTALL)
