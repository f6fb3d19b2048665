"""
Which keys belong to which hosts: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".

paramiko's own reader is of no use here: one line that it does not know loses
the whole file, loading takes quadratic time, and there are no wildcards, no
negation and no case folding.  An index is immutable, built once per state of
its file, and shared between threads.  Certificate authorities are seen but
not trusted yet.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import os
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from preflight.errors import TransportError
from preflight.model import text
from preflight.transport.settings import SSH_PORT

_BLANK = re.compile(rb"[ \t]+")
_MARKERS = {b"@revoked": "revoked", b"@cert-authority": "cert-authority"}
_SHA1_BYTES = 20


class PublicKey(NamedTuple):
    """A public key: its type's name and its bytes, as in RFC 4253, 6.6."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """The key's name for people, as `ssh-keygen -l` prints it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"


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


class _Pattern(NamedTuple):
    wanted: tuple[re.Pattern[bytes], ...]
    unwanted: tuple[re.Pattern[bytes], ...]
    entry: Entry

    def matches(self, name: bytes) -> bool:
        return any(p.fullmatch(name) for p in self.wanted) and not any(
            p.fullmatch(name) for p in self.unwanted
        )


class _Hashed(NamedTuple):
    salt: bytes
    digest: bytes
    entry: Entry

    def matches(self, name: bytes) -> bool:
        return hmac.digest(self.salt, name, "sha1") == self.digest


class _File(NamedTuple):
    """The index of one file."""

    plain: Mapping[bytes, list[Entry]]
    patterns: tuple[_Pattern, ...]
    hashed: tuple[_Hashed, ...]
    warnings: tuple[str, ...]

    def find(self, name: bytes) -> Iterator[Entry]:
        yield from self.plain.get(name, ())
        yield from (p.entry for p in self.patterns if p.matches(name))
        yield from (h.entry for h in self.hashed if h.matches(name))


class KnownHosts(Struct, frozen=True):
    """The recorded keys of several files, asked as one."""

    paths: tuple[str, ...]
    files: tuple[_File, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line for each line or file that could not be read."""
        return tuple(line for file in self.files for line in file.warnings)

    def find(self, address: str, port: int) -> tuple[Entry, ...]:
        """Return the entries whose names match the host, in the files' order."""
        name = text.encode(host_name(address, port)).lower()
        found = (sorted(file.find(name), key=lambda e: e.line) for file in self.files)
        return tuple(entry for entries in found for entry in entries)

    def record(self, address: str, port: int) -> Record:
        """Return what is recorded of one host."""
        return Record(self, address, port)


class Record:
    """What is recorded of one host; looked up once, for hashed names make that dear."""

    def __init__(self, known: KnownHosts, address: str, port: int) -> None:
        self._known = known
        self._address = address
        self._port = port
        self._entries = known.find(address, port)

    @functools.cached_property
    def _portless(self) -> tuple[Entry, ...]:
        return () if self._port == SSH_PORT else self._known.find(self._address, SSH_PORT)

    @property
    def key_types(self) -> tuple[str, ...]:
        """The types of key that could prove the host."""
        entries = self._entries or self._portless
        return tuple(dict.fromkeys(e.key.type for e in entries if not e.marker))

    def verify(self, offered: PublicKey) -> None:
        """
        Return if *offered* is recorded for the host; raise `TransportError` for any doubt.

        As ssh does, a host on another port whose key is not recorded under
        ``[host]:port`` is also looked up without the port.  Source: OpenSSH
        sshconnect.c, check_host_key().
        """
        entries = self._entries
        if offered.type not in {e.key.type for e in entries if not e.marker}:
            entries += tuple(e for e in self._portless if e.marker != "cert-authority")
        markers = {e.marker: e for e in entries if e.key == offered}
        if "revoked" in markers:
            says = f"{markers['revoked'].place} says is revoked"
            raise _refusal("host-key-revoked", offered, says)
        if "" not in markers:
            raise self._doubt(offered)

    def _doubt(self, offered: PublicKey) -> TransportError:
        name = host_name(self._address, self._port)
        plain = [e for e in self._entries if not e.marker]
        for entry in plain:
            if entry.key.type == offered.type:
                says = f"is not the one of {entry.place}, {entry.key.fingerprint}"
                hint = (
                    f"if {name} was really set up anew, take that line out with"
                    f" 'ssh-keygen -R {name} -f {entry.path}' and record the new key"
                )
                return _refusal("host-key-changed", offered, says, hint)
        for entry in self._entries:
            if entry.marker == "cert-authority":
                says = f"no line records; the authority of {entry.place} may vouch for it"
                return _refusal("host-key-ca-unsupported", offered, says)
        says = f"no line for {name} records in {', '.join(self._known.paths)}"
        for entry in plain[:1]:
            says += f"; {entry.place} records an {entry.key.type} key, {entry.key.fingerprint}"
        if warnings := self._known.warnings:
            says += f"; {len(warnings)} could not be read: {warnings[0]}"
        hint = "compare the fingerprint with the host's own, then let ssh record the key"
        return _refusal("host-key-unknown", offered, says, hint)


def _refusal(cause: str, offered: PublicKey, says: str, hint: str | None = None) -> TransportError:
    reason = f"the host has the {offered.type} key {offered.fingerprint}, which {says}"
    return TransportError("host-key", cause, reason, hint)


def host_name(address: str, port: int) -> str:
    """Return what a host is called in known_hosts: the port only where it is not 22."""
    return address if port == SSH_PORT else f"[{address}]:{port}"


_indexes: dict[str, tuple[tuple[int, ...], _File]] = {}
_lock = threading.Lock()


def load(paths: tuple[str, ...]) -> KnownHosts:
    """Return the index of *paths*; a default file that does not exist is empty."""
    return KnownHosts(paths, tuple(_load(path) for path in paths))


def _load(path: str) -> _File:
    with _lock:
        try:
            stat = os.stat(path)  # noqa: PTH116
            state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if path not in _indexes or _indexes[path][0] != state:
                _indexes[path] = (state, parse(path, Path(path).read_bytes()))
            return _indexes[path][1]
        except FileNotFoundError:
            return _File({}, (), (), ())
        except OSError as error:
            return _File({}, (), (), (f"{path}: {error.strerror}",))


def parse(path: str, content: bytes) -> _File:
    """Return the index of a file's *content*; a line that is not valid becomes a warning."""
    plain: dict[bytes, list[Entry]] = {}
    patterns: list[_Pattern] = []
    hashed: list[_Hashed] = []
    warnings: list[str] = []
    for number, raw in enumerate(content.split(b"\n"), 1):
        line = raw.strip(b" \t\r")
        if not line or line.startswith(b"#"):
            continue
        try:
            names, entry = _parse_line(line, path, number)
            if names.startswith(b"|"):
                hashed.append(_parse_hashed(names, entry))
            elif re.search(rb"[*?!]", names):
                patterns.append(_parse_patterns(names, entry))
            else:
                for name in set(names.lower().split(b",")):
                    plain.setdefault(name, []).append(entry)
        except ValueError as error:
            warnings.append(f"{path}:{number}: {error}")
    return _File(plain, tuple(patterns), tuple(hashed), tuple(warnings))


def _parse_line(line: bytes, path: str, number: int) -> tuple[bytes, Entry]:
    words = _BLANK.split(line, maxsplit=4)
    marker = ""
    if words[0].startswith(b"@"):
        if words[0] not in _MARKERS:
            raise ValueError("no known marker")
        marker = _MARKERS[words.pop(0)]
    if len(words) < 3:
        raise ValueError("not 'names type key'")
    names, key_type, encoded = words[:3]
    return names, Entry(marker, _parse_key(key_type, encoded), path, number)


def _parse_key(key_type: bytes, encoded: bytes) -> PublicKey:
    try:
        blob = binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error:
        raise ValueError("the key is not base64") from None
    if not blob.startswith(len(key_type).to_bytes(4, "big") + key_type):
        raise ValueError("the key is not of the type that the line names")
    return PublicKey(text.decode(key_type), blob)


def _parse_hashed(names: bytes, entry: Entry) -> _Hashed:
    fields = names.split(b"|")
    if len(fields) != 4 or fields[1] != b"1":
        raise ValueError("not a hashed name")
    try:
        salt, digest = (binascii.a2b_base64(f, strict_mode=True) for f in fields[2:])
    except binascii.Error:
        raise ValueError("the hashed name is not base64") from None
    if len(salt) != _SHA1_BYTES or len(digest) != _SHA1_BYTES:
        raise ValueError("the hashed name has a wrong length")
    return _Hashed(salt, digest, entry)


def _parse_patterns(names: bytes, entry: Entry) -> _Pattern:
    words = names.lower().split(b",")
    wanted = tuple(_compile(w) for w in words if not w.startswith(b"!"))
    unwanted = tuple(_compile(w[1:]) for w in words if w.startswith(b"!"))
    return _Pattern(wanted, unwanted, entry)


def _compile(pattern: bytes) -> re.Pattern[bytes]:
    """Compile a pattern of ssh_config(5), PATTERNS: only ``*`` and ``?`` are special."""
    expression = re.escape(pattern).replace(rb"\*", b".*").replace(rb"\?", b".")
    return re.compile(expression, re.DOTALL)
