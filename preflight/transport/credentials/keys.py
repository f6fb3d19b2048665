"""
Which keys to log in with: those of the agent and those of files, never a password.

A key file is read and parsed once per state of the file and shared between
threads.  A key that only a passphrase opens is used through the agent or not
at all: nobody is asked here.
"""

from __future__ import annotations

import base64
import binascii
import io
import socket
import threading
from pathlib import Path
from typing import NamedTuple, Self

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.agent import AgentKey, AgentSSH, cSSH2_AGENTC_REQUEST_IDENTITIES
from paramiko.pkey import UnknownKeyType

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.hostkeys.known_hosts import PublicKey
from preflight.transport.settings import Settings

# OpenSSH servers end a log-in after six refused keys (sshd_config(5), MaxAuthTries).
MAX_OFFERS = 5
_ABSENT = "does not exist"
_ENCRYPTED = "is encrypted, and no agent holds it"
_PRIVATE_HEAD = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_PRIVATE_MAGIC = b"openssh-key-v1\0"
_PKCS8_HEADS = (b"-----BEGIN PRIVATE KEY-----", b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
_KEY_TYPES: dict[type, type[paramiko.PKey]] = {
    ed25519.Ed25519PrivateKey: paramiko.Ed25519Key,
    ec.EllipticCurvePrivateKey: paramiko.ECDSAKey,
    rsa.RSAPrivateKey: paramiko.RSAKey,
}


class Offer(NamedTuple):
    """One key to offer, and what to call it in a message."""

    name: str
    key: paramiko.PKey


class KeyFile(NamedTuple):
    """What a key file holds: the public half as far as it can be seen; a key or a problem."""

    path: str
    blob: bytes | None
    key: paramiko.PKey | None
    problem: str | None  # "does not exist", for a sentence about the file

    def __str__(self) -> str:
        return f"the key {self.path} {self.problem}"


class Agent(AgentSSH):
    """A connection to ssh-agent, every wait of which ends with the host's deadline."""

    def __init__(self, path: str, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline
        self._conn = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._conn.settimeout(deadline.left_s())
            self._conn.connect(path)
            self.keys = self._list()
        except BaseException:
            self._conn.close()
            raise

    def _list(self) -> tuple[AgentKey, ...]:
        _, answer = self._send_message(cSSH2_AGENTC_REQUEST_IDENTITIES)
        found = []
        for _ in range(answer.get_int()):
            blob, comment = answer.get_binary(), answer.get_binary().decode("utf-8", "replace")
            try:
                found.append(AgentKey(self, blob, comment))
            except (paramiko.SSHException, ValueError, UnsupportedAlgorithm):
                continue
        return tuple(key for key in found if key.get_name() != "ssh-dss")

    def _send_message(self, msg: bytes) -> tuple[int, paramiko.Message]:
        self._conn.settimeout(max(self._deadline.left_s(), 0.001))
        answer: tuple[int, paramiko.Message] = super()._send_message(msg)  # type: ignore[misc]
        return answer

    def close(self) -> None:
        """Close the connection; its keys cannot sign any more."""
        self._conn.close()


class Keyring:
    """
    The keys for one log-in, in the order in which to offer them.

    *problem* is the key file that was asked for and cannot be used, or else a
    default one that is there and cannot be used.
    """

    def __init__(self, settings: Settings, deadline: Deadline) -> None:
        self._agent = _find_agent(settings.agent, deadline) if settings.agent else None
        held = {key.blob: key for key in self._agent.keys} if self._agent else {}
        self.explicit = settings.identity_file is not None
        paths = (settings.identity_file,) if settings.identity_file else settings.default_identities
        files = [read_key_file(path) for path in paths]
        unusable = [f for f in files if f.problem and f.blob not in held]
        self.problem = next((f for f in unusable if self.explicit or f.problem != _ABSENT), None)
        self.offers = self._order(files, held)[:MAX_OFFERS]

    def _order(self, files: list[KeyFile], held: dict[bytes, AgentKey]) -> list[Offer]:
        """As ssh does it, but that a file that was asked for comes before the agent's others."""
        first = [f for f in files if f.blob in held or (self.explicit and f.key)]
        last = [f for f in files if f not in first and f.key]
        named = {f.blob for f in files}
        others = [_agent_offer(key) for blob, key in held.items() if blob not in named]
        return [*(_offer(f, held) for f in first), *others, *(_offer(f, held) for f in last)]

    def check(self) -> None:
        """Raise `TransportError` where a key was asked for and there is none to offer."""
        if self.problem and self.explicit and not self.offers:
            raise TransportError("auth-failed", "key-unreadable", str(self.problem), self.hint)

    @property
    def hint(self) -> str | None:
        """What to type where there is a problem that the agent would solve."""
        if self.problem and self.problem.problem == _ENCRYPTED:
            return f"'ssh-add {self.problem.path}' gives it to the agent"
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._agent:
            self._agent.close()


def _offer(file: KeyFile, held: dict[bytes, AgentKey]) -> Offer:
    """Offer a file's key: itself where it can be read, which spares the agent, else the agent's."""
    if file.key is None:
        return _agent_offer(held[file.blob or b""])
    name = PublicKey(file.key.get_name(), file.key.asbytes()).fingerprint
    return Offer(f"{name} {file.path}", file.key)


def _agent_offer(key: AgentKey) -> Offer:
    name = PublicKey(key.get_name(), key.blob).fingerprint
    return Offer(f"{name} {key.comment} (agent)", key)


def _find_agent(path: str, deadline: Deadline) -> Agent | None:
    """Return the agent at the socket *path*, None where none answers; ssh does without as well."""
    try:
        return Agent(path, deadline)
    except TimeoutError:
        reason = "ssh-agent did not answer in the host's time"
        raise TransportError("timeout", "deadline", reason) from None
    except (OSError, paramiko.SSHException):
        return None


_files: dict[str, tuple[tuple[int, ...], KeyFile]] = {}
_lock = threading.Lock()


def read_key_file(path: str) -> KeyFile:
    """Return the content of a private (or, for a key of the agent, public) key file."""
    with _lock:
        try:
            stat = Path(path).stat()
            state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if path not in _files or _files[path][0] != state:
                _files[path] = (state, _parse(path, Path(path).read_bytes()))
            return _files[path][1]
        except FileNotFoundError:
            return KeyFile(path, None, None, _ABSENT)
        except OSError as error:
            return KeyFile(path, None, None, f"cannot be read: {error.strerror}")


def _parse(path: str, content: bytes) -> KeyFile:
    public = _public_line(content)
    if public:
        return KeyFile(path, public, None, "is a public key, whose private half the agent lacks")
    try:
        key = _from_pkcs8(content) or paramiko.PKey.from_path(path)
    except (TypeError, paramiko.PasswordRequiredException):
        blob = _public_half(content) or _sibling(path)
        return KeyFile(path, blob, None, _ENCRYPTED)
    except (ValueError, paramiko.SSHException, UnknownKeyType, UnsupportedAlgorithm):
        return KeyFile(path, _sibling(path), None, "is not a private key that can be read")
    return KeyFile(path, key.asbytes(), key, None)


def _from_pkcs8(content: bytes) -> paramiko.PKey | None:
    """Return the key of a form that ssh reads and paramiko does not; None for another form."""
    if not content.lstrip().startswith(_PKCS8_HEADS):
        return None
    key = serialization.load_pem_private_key(content, password=None)
    kind = next((name for form, name in _KEY_TYPES.items() if isinstance(key, form)), None)
    if kind is None:
        raise ValueError
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return kind.from_private_key(io.StringIO(text.decode()))


def _sibling(path: str) -> bytes | None:
    try:
        return _public_line(Path(f"{path}.pub").read_bytes())
    except OSError:
        return None


def _public_line(content: bytes) -> bytes | None:
    """Return the key of a line such as ``ssh-ed25519 AAAA… comment``."""
    words = content.split(None, 2)
    try:
        blob = base64.b64decode(words[1], validate=True) if len(words) > 1 else b""
    except binascii.Error:
        return None
    return blob if blob.startswith(len(words[0]).to_bytes(4, "big") + words[0]) else None


def _public_half(content: bytes) -> bytes | None:
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
    return fields.get_binary() or None
