"""
ssh-agent: one connection for all threads, whose every wait ends with the host's deadline.

paramiko's own client opens one connection a host, knows no timeout, and cannot
use the certificates that an agent holds.  Source: OpenSSH PROTOCOL.agent.
"""

from __future__ import annotations

import socket
import struct
import threading
from typing import NamedTuple

import paramiko

from preflight.transport import Deadline
from preflight.transport.hostkeys.key import PublicKey

# For how long the list of keys is taken for true.
LISTED_S = 2.0
_MAX_ANSWER_BYTES = 1 << 20
_REQUEST_IDENTITIES = 11
_IDENTITIES_ANSWER = 12
_SIGN_REQUEST = 13
_SIGN_RESPONSE = 14
# Signature algorithm → flag, for the one type of key that has several.
_FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}
_BROKEN = (OSError, EOFError, paramiko.SSHException)


class Identity(NamedTuple):
    """One key, or certificate, of an agent."""

    key: PublicKey
    comment: str


class Agent:
    """
    The agent at the socket *path*.

    `identities` and `sign` raise TimeoutError where the agent, or other
    threads' requests to it, take longer than a deadline allows.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._identities: tuple[Identity, ...] = ()
        self._fresh = Deadline(0.0)

    def identities(self, deadline: Deadline) -> tuple[Identity, ...]:
        """Return the agent's keys; none where no agent answers, as ssh does without one."""
        if not self._fresh.left_s():
            try:
                answer = self._ask(bytes([_REQUEST_IDENTITIES]), deadline)
                self._identities = _identities(answer)
            except TimeoutError:
                raise
            except _BROKEN:
                self._identities = ()
            self._fresh = Deadline.after(LISTED_S)
        return self._identities

    def sign(self, blob: bytes, data: bytes, algorithm: str | None, deadline: Deadline) -> bytes:
        """Return a signature; raises SSHException where the agent refuses to make one."""
        plain = (algorithm or "").removesuffix("-cert-v01@openssh.com")
        request = paramiko.Message()
        request.add_byte(bytes([_SIGN_REQUEST]))
        request.add_string(blob)
        request.add_string(data)
        request.add_int(_FLAGS.get(plain, 0))
        answer = paramiko.Message(self._ask(request.asbytes(), deadline))
        if answer.get_byte() != bytes([_SIGN_RESPONSE]):
            raise paramiko.SSHException("the agent does not sign")
        return answer.get_binary()

    def _ask(self, request: bytes, deadline: Deadline) -> bytes:
        """Return the answer to *request*: one at a time, for that is all that a connection does."""
        if not self._lock.acquire(timeout=deadline.left_s()):
            raise TimeoutError
        try:
            if self._connection is not None:
                try:
                    return self._exchange(self._connection, request, deadline)
                except TimeoutError:
                    raise
                except _BROKEN:  # the agent was started anew meanwhile, perhaps
                    self.close()
            return self._exchange(self._connect(deadline), request, deadline)
        except BaseException:
            self.close()  # or a late answer would be taken for that to the next request
            raise
        finally:
            self._lock.release()

    def _connect(self, deadline: Deadline) -> socket.socket:
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.settimeout(max(deadline.left_s(), 0.001))
        self._connection.connect(self._path)
        return self._connection

    def close(self) -> None:
        """Hang up, until the next request."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, connection: socket.socket, request: bytes, deadline: Deadline) -> bytes:
        connection.settimeout(max(deadline.left_s(), 0.001))
        connection.sendall(struct.pack(">I", len(request)) + request)
        (length,) = struct.unpack(">I", _receive(connection, 4, deadline))
        if length > _MAX_ANSWER_BYTES:
            raise paramiko.SSHException(f"an answer of {length} bytes")
        return _receive(connection, length, deadline)


def _receive(connection: socket.socket, wanted: int, deadline: Deadline) -> bytes:
    data = b""
    while len(data) < wanted:
        connection.settimeout(max(deadline.left_s(), 0.001))
        more = connection.recv(wanted - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _identities(answer: bytes) -> tuple[Identity, ...]:
    message = paramiko.Message(answer)
    if message.get_byte() != bytes([_IDENTITIES_ANSWER]):
        raise paramiko.SSHException("the agent lists no keys")
    found = []
    for _ in range(message.get_int()):
        blob, comment = message.get_binary(), message.get_binary().decode("utf-8", "replace")
        if not blob:  # it has fewer keys than it said
            break
        if (kind := paramiko.Message(blob).get_binary()) != b"ssh-dss":
            found.append(Identity(PublicKey(kind.decode("ascii", "replace"), blob), comment))
    return tuple(found)


_agents: dict[str, Agent] = {}


def agent_at(path: str) -> Agent:
    """Return the agent at the socket *path*: always the same one, for all threads."""
    return _agents.setdefault(path, Agent(path))
