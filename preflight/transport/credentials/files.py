"""
Key files and certificate files: read once per state of the file, and shared between threads.

A key that only a passphrase opens is decrypted once for that passphrase, which
costs a tenth of a second.  Nobody is asked for one here.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import errno
import io
import os
import select
import stat
import threading
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
)

from preflight.transport.credentials.secret import Secret
from preflight.transport.hostkeys.key import PublicKey

CERTIFICATE = "-cert-v01@openssh.com"  # how the types of certificates end
ABSENT = "does not exist"
ENCRYPTED = "is encrypted, and no agent holds it"
NOT_OPENED = "is encrypted, and the passphrase given does not open it"
_PUBLIC = "is a public key, whose private half the agent lacks"
_NO_KEY = "is not a private key that can be read"
_SIZE_BYTES = 1 << 20
_PIPE_S = 10.0  # that a pipe may take: --key <(COMMAND)
_PRIVATE_HEAD = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_PRIVATE_MAGIC = b"openssh-key-v1\0"
_KEY_TYPES: dict[type, type[paramiko.PKey]] = {
    ed25519.Ed25519PrivateKey: paramiko.Ed25519Key,
    ec.EllipticCurvePrivateKey: paramiko.ECDSAKey,
    rsa.RSAPrivateKey: paramiko.RSAKey,
}
T = TypeVar("T")


class KeyFile(NamedTuple):
    """What a key file holds: the public half as far as it can be seen; a key or a problem."""

    path: str
    public: PublicKey | None
    key: paramiko.PKey | None
    problem: str | None  # "does not exist", for a sentence about the file

    def __str__(self) -> str:
        return f"the key {self.path} {self.problem}"


class CertificateFile(NamedTuple):
    """A user's certificate: itself, and the key that it is for."""

    path: str
    certificate: PublicKey
    public: PublicKey
    valid_before: int  # seconds since 1970
    principals: tuple[str, ...]  # none: everybody

    def flaw(self, user: str) -> str | None:
        """Return why no host can take the certificate from *user*; None where some may."""
        now = dt.datetime.now(dt.UTC)
        if self.valid_before <= now.timestamp():
            day = dt.datetime.fromtimestamp(self.valid_before, dt.UTC)
            return f"expired on {day:%Y-%m-%d}"
        if self.principals and user not in self.principals:
            return f"for {', '.join(self.principals)}"
        return None


class _Cache(Generic[T]):
    """What *parse* makes of files, for each state of a file."""

    def __init__(self, parse: Callable[[str, bytes], T]) -> None:
        self._parse = parse
        self._known: dict[str, tuple[tuple[int, ...], T]] = {}

    def read(self, path: str) -> T:
        """Return what the file holds now; raises OSError."""
        state = _state(os.stat(path))  # noqa: PTH116 - for every host anew: Path takes much longer
        known = self._known.get(path)
        if known is not None and known[0] == state:
            return known[1]  # without the lock, for which all hosts would queue
        with _lock:
            known = self._known.get(path)
            if known is None or known[0] != state:
                known = self._known[path] = (state, self._parse(path, _content(path)))
            return known[1]


def _state(found: os.stat_result) -> tuple[int, ...]:
    """Return what changes when a file does; a pipe gives what it has but once."""
    if stat.S_ISREG(found.st_mode):
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return (found.st_dev, found.st_ino)


def _content(path: str) -> bytes:
    """
    Return what a file of at most 1 MiB holds, or a pipe by its end; raises OSError for any other.

    A pipe that nobody writes to is empty.  Source: OpenSSH authfile.c, MAX_KEY_FILE_SIZE.
    """
    content, end = b"", time.monotonic() + _PIPE_S
    with open(path, "rb", buffering=0, opener=_opened) as file:
        more = select.poll()
        more.register(file, select.POLLIN)
        while len(content) <= _SIZE_BYTES:
            piece = file.read(_SIZE_BYTES + 1 - len(content))
            if piece:
                content += piece
            elif piece is not None:
                return content
            elif not more.poll(max(0.0, end - time.monotonic()) * 1000):
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


class _Read(NamedTuple):
    """A key file without its passphrase, and what passphrases made of it."""

    file: KeyFile
    content: bytes
    opened: dict[Secret, KeyFile]


def read_key_file(path: str, passphrase: Secret | None = None) -> KeyFile:
    """Return the content of a private (or, for a key of the agent, public) key file."""
    try:
        read = _keys.read(path)
    except FileNotFoundError:
        return KeyFile(path, None, None, ABSENT)
    except OSError as error:
        return KeyFile(path, None, None, f"cannot be read: {error.strerror}")
    if passphrase is None or read.file.problem != ENCRYPTED:
        return read.file
    with _lock:
        if passphrase not in read.opened:
            read.opened[passphrase] = _open(read, passphrase)
        return read.opened[passphrase]


def read_certificate_file(path: str) -> CertificateFile | None:
    """Return the user's certificate in a file; None where there is none that can be used."""
    try:
        return _certificates.read(path)
    except OSError:
        return None


def certificate_of(path: str, blob: bytes) -> CertificateFile | None:
    """Return a user's certificate by its bytes, None where they are none."""
    kind = paramiko.Message(blob).get_binary()
    try:
        parsed = serialization.load_ssh_public_identity(kind + b" " + base64.b64encode(blob))
        if not isinstance(parsed, SSHCertificate) or parsed.type != SSHCertificateType.USER:
            return None
        line = parsed.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        principals = tuple(name.decode("utf-8", "replace") for name in parsed.valid_principals)
    except (ValueError, UnsupportedAlgorithm):
        return None
    public = _public_line(line)
    if public is None:
        return None
    certificate = PublicKey(kind.decode("ascii"), blob)
    return CertificateFile(path, certificate, public, parsed.valid_before, principals)


def _parse(path: str, content: bytes) -> _Read:
    return _Read(_locked(path, content), content, {})


def _locked(path: str, content: bytes) -> KeyFile:
    """Return the key of a file that no passphrase locks."""
    if public := _public_line(content):
        return KeyFile(path, public, None, _PUBLIC)
    try:
        key = _load(content, None)
    except TypeError:  # cryptography's word for a passphrase that it was not given
        return KeyFile(path, _public_half(content) or _sibling(path), None, ENCRYPTED)
    except (ValueError, paramiko.SSHException, UnsupportedAlgorithm):
        return KeyFile(path, _sibling(path), None, _NO_KEY)
    return _usable(path, key)


def _open(read: _Read, passphrase: Secret) -> KeyFile:
    file = read.file
    try:
        return _usable(file.path, _load(read.content, passphrase.reveal().encode()))
    except (ValueError, TypeError):
        return file._replace(problem=NOT_OPENED)
    except (paramiko.SSHException, UnsupportedAlgorithm):
        return file._replace(problem=_NO_KEY)


def _usable(path: str, key: paramiko.PKey) -> KeyFile:
    return KeyFile(path, PublicKey(key.get_name(), key.asbytes()), key, None)


def _load(content: bytes, passphrase: bytes | None) -> paramiko.PKey:
    """
    Return the key of any form that ssh reads, decrypted once.

    paramiko would decrypt it once to learn its type, and then once more.
    """
    openssh = content.lstrip().startswith(_PRIVATE_HEAD)
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    key = load(content, passphrase)
    kind = next((name for form, name in _KEY_TYPES.items() if isinstance(key, form)), None)
    if kind is None:
        raise ValueError
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return kind.from_private_key(io.StringIO(text.decode()))


def _parse_certificate(path: str, content: bytes) -> CertificateFile | None:
    line = _public_line(content)
    return certificate_of(path, line.blob) if line else None


def _sibling(path: str) -> PublicKey | None:
    try:
        return _public_line(_content(f"{path}.pub"))
    except OSError:
        return None


def _public_line(content: bytes) -> PublicKey | None:
    """Return the key of a line such as ``ssh-ed25519 AAAA… comment``."""
    words = content.split(None, 2)
    if len(words) < 2:
        return None
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        return None
    if not blob.startswith(len(words[0]).to_bytes(4, "big") + words[0]):
        return None
    return PublicKey(words[0].decode("ascii", "replace"), blob)


def _public_half(content: bytes) -> PublicKey | None:
    """
    Return the public key that stands in the clear before an encrypted one.

    Source: OpenSSH PROTOCOL.key.
    """
    head, _, body = content.strip().partition(_PRIVATE_HEAD)
    if head or not body:
        return None
    try:
        raw = base64.b64decode(b"".join(body.partition(b"-----END")[0].split()))
    except binascii.Error:
        return None
    if not raw.startswith(_PRIVATE_MAGIC):
        return None
    fields = paramiko.Message(raw[len(_PRIVATE_MAGIC) :])
    for _ in ("cipher", "key derivation", "its options"):
        fields.get_binary()
    fields.get_int()
    blob = fields.get_binary()
    if not blob:
        return None
    return PublicKey(paramiko.Message(blob).get_binary().decode("ascii", "replace"), blob)


_lock = threading.Lock()
_keys = _Cache(_parse)
_certificates = _Cache(_parse_certificate)
