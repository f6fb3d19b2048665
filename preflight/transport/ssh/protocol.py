"""
paramiko's SSH transport, put right where it waits, forgets or mixes things up.

Everything here is a correction of one of its methods, and says why.  A
correction may raise `TransportError` in the transport's thread: paramiko hands
it to whoever waits.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import (
    cMSG_CHANNEL_CLOSE,
    cMSG_CHANNEL_EOF,
    cMSG_SERVICE_REQUEST,
    cMSG_USERAUTH_INFO_RESPONSE,
    cMSG_USERAUTH_REQUEST,
)
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.ssh_exception import IncompatiblePeer
from paramiko.transport import ServiceRequestingTransport

from preflight.errors import TransportError
from preflight.model import text
from preflight.transport import Deadline
from preflight.transport.hostkeys.certificate import SUFFIX
from preflight.transport.hostkeys.identity import Identity
from preflight.transport.hostkeys.offer import read_offer
from preflight.transport.settings import Settings
from preflight.transport.ssh.greeting import read_greeting

# Without a handler, Python prints paramiko's tracebacks to stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

# What paramiko raises where a connection is gone.
BROKEN = (OSError, EOFError, paramiko.SSHException)
# What may be sent on a channel that is closed on this side.
_LAST_WORDS = (cMSG_CHANNEL_EOF, cMSG_CHANNEL_CLOSE)
# As in OpenSSH packet.c, PACKET_MAX_SIZE.
_MAX_PACKET_BYTES = 256 * 1024
_MAX_PROMPTS = 8  # of one question; more than one is never answered
# How much of a host's own words a reason repeats.
_SHOWN_CHARS = 300
_PIECE_BYTES = 64 * 1024
# How much is looked at in search of the end of a line.
_LINE_BYTES = 256
# AES-GCM first: paramiko checks the MAC of any other cipher byte by byte, in Python.
_CIPHERS = tuple(sorted(paramiko.Transport._preferred_ciphers, key=lambda name: "gcm" not in name))  # type: ignore[attr-defined]  # noqa: SLF001
# paramiko knows it by its older name alone, some servers by its own.  Source: RFC 8731.
_CURVE25519, _LIBSSH = "curve25519-sha256", "curve25519-sha256@libssh.org"
_KEX = ServiceRequestingTransport._kex_info  # type: ignore[attr-defined]  # noqa: SLF001
Prompt: TypeAlias = tuple[str, bool]  # what to show, and whether to show the answer
# What the two sides have to agree on: (name, field of KEXINIT, our own list).
_AGREEMENTS = (
    ("key exchange", "kex_algo_list", "preferred_kex"),
    ("host key", "server_key_algo_list", "preferred_keys"),
    ("cipher", "client_encrypt_algo_list", "preferred_ciphers"),
    ("cipher", "server_encrypt_algo_list", "preferred_ciphers"),
    ("MAC", "client_mac_algo_list", "preferred_macs"),
    ("MAC", "server_mac_algo_list", "preferred_macs"),
    ("compression", "client_compress_algo_list", "preferred_compression"),
)


class _Ahead:
    """A socket that is read in large pieces: paramiko asks for each packet in two small ones."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._read = memoryview(b"")

    def recv(self, limit: int) -> bytes:
        """Return between 1 and *limit* bytes, b"" at the end."""
        if not self._read:
            self._read = memoryview(self._sock.recv(_PIECE_BYTES))
        part, self._read = self._read[:limit], self._read[limit:]
        return bytes(part)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class BoundedPacketizer(Packetizer):
    """A packetizer with a limit to the length that a host may announce, and no timer thread."""

    def __init__(self, sock: Any) -> None:
        super().__init__(_Ahead(sock))  # type: ignore[arg-type]

    def start_handshake(self, timeout: float) -> None:
        """Do nothing: paramiko's timer is a thread that outlives a failed handshake by seconds."""

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Refuse to wait for more than any packet may have."""
        if not 0 <= n <= _MAX_PACKET_BYTES:
            raise paramiko.SSHException(f"a packet of {n} bytes")
        return super().read_all(n, check_rekey)


class Declined(paramiko.AuthenticationException):
    """The host asks what it gets no answer to; another method may still do."""


class AuthHandler(AuthOnlyHandler):
    """An authentication handler that knows what the host allows and what it may ask."""

    allowed_methods: tuple[str, ...] | None = None  # None: it has not said

    def send_auth_request(self, username: str, method: str, finish_message: Any = None) -> Any:
        """Ask, and wait; paramiko would miss an answer that comes before it starts to wait."""
        self.auth_method, self.username = method, username
        request = Message()
        request.add_byte(cMSG_USERAUTH_REQUEST)
        for word in (username, "ssh-connection", method):
            request.add_string(word)
        if finish_message:
            finish_message(request)
        answered = self.auth_event = threading.Event()
        with self.transport.lock:
            self.transport._send_message(request)  # type: ignore[attr-defined]  # noqa: SLF001
        return self.wait_for_response(answered)

    def _parse_userauth_failure(self, m: Message) -> None:
        self.allowed_methods = tuple(m.get_list())
        m.rewind()
        super()._parse_userauth_failure(m)  # type: ignore[misc]

    def _parse_userauth_info_request(self, m: Message) -> None:
        """
        Answer what the host asks, or have whoever waits for the log-in know that we do not.

        Source: RFC 4256, 3.2 and 3.4; RFC 4252, 8, where the same number means
        that a password has to be changed.
        """
        try:
            answers = self._answers(m)
        except Declined as error:
            self.transport.saved_exception = error
            if self.auth_event is not None:
                self.auth_event.set()
            return
        response = Message()
        response.add_byte(cMSG_USERAUTH_INFO_RESPONSE)
        response.add_int(len(answers))
        for answer in answers:
            response.add_string(answer)
        self.transport._send_message(response)  # type: ignore[attr-defined]  # noqa: SLF001

    def _answers(self, m: Message) -> list[str]:
        handler = self.interactive_handler
        if handler is None or self.auth_method != "keyboard-interactive":
            raise Declined("the host wants another password, for this one is no longer good")
        title, instructions, _ = (m.get_binary().decode("utf-8", "replace") for _ in range(3))
        count = min(m.get_int(), _MAX_PROMPTS)
        prompts = [
            (m.get_binary().decode("utf-8", "replace"), m.get_boolean()) for _ in range(count)
        ]
        return handler(title, instructions, prompts)


class _Voice:
    """
    What a channel sends through: its transport, which gets to know who speaks.

    paramiko lets one thread send data that another has just closed the channel
    of.  A server ends the whole connection for that, or, where the number is
    in use again, takes the data for another channel's.
    """

    def __init__(self, transport: Transport, channel: paramiko.Channel) -> None:
        self._transport = transport
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send_user_message(self, message: Message) -> None:
        self._transport.send_on(self._channel, message)


def _chosen(what: str, wanted: tuple[str, ...], possible: Sequence[str]) -> tuple[str, ...]:
    """Return the algorithms to offer: those that ssh is configured for, as far as paramiko goes."""
    chosen = tuple(name for name in wanted if name in possible)
    if wanted and not chosen:
        reason = (
            f"no {what} algorithm that ssh is configured for is known here: {', '.join(wanted)}"
        )
        raise TransportError(
            "error", "algorithms-incompatible", reason, "--transport openssh uses ssh itself"
        )
    return chosen or tuple(possible)


class Transport(ServiceRequestingTransport):
    """
    One connection as a client, to a host that has to be *identity*.

    Its known types of key are all asked for first: paramiko would promote only
    one of them, and a host that has several would look changed.
    """

    _kex_info = _KEX | {_CURVE25519: _KEX[_LIBSSH]}
    # What the host said when it ended the connection itself.
    farewell: str | None = None

    def __init__(
        self, sock: Any, settings: Settings, identity: Identity, deadline: Deadline
    ) -> None:
        super().__init__(sock, packetizer_class=BoundedPacketizer)
        self._identity = identity
        self._host_keys = identity.algorithms(super().preferred_keys)
        exchanges = [
            name
            for known in super().preferred_kex
            for name in ((_CURVE25519, known) if known == _LIBSSH else (known,))
        ]
        self._kex = _chosen("key exchange", settings.kex_algorithms, exchanges)
        self._ciphers = _chosen("cipher", settings.ciphers, _CIPHERS)
        self._macs = _chosen("MAC", settings.macs, super().preferred_macs)
        self._limit_s = settings.connect_timeout_s
        self.auth_timeout = deadline.left_s()
        self._deadline = deadline
        self._accepted = threading.Event()
        self._opening = threading.local()
        self._speaking = threading.RLock()
        self._refusals: dict[int, paramiko.ChannelException] = {}

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The algorithms by which the host may prove itself, best first."""
        return self._host_keys

    @property
    def preferred_kex(self) -> tuple[str, ...]:
        """The key exchanges that we offer, best first."""
        return self._kex

    @property
    def preferred_ciphers(self) -> tuple[str, ...]:
        """The ciphers that we offer, best first."""
        return self._ciphers

    @property
    def preferred_macs(self) -> tuple[str, ...]:
        """The MACs that we offer, best first."""
        return self._macs

    @property
    def may_learn_passwords(self) -> bool:
        """Whether a password may be given to the host that answers."""
        return not self._identity.is_contradicted

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        """
        Verify each key exchange's key as the host's.

        paramiko takes any type of key and of signature, whatever was agreed on,
        and looks only once whose key it is.  Source: OpenSSH kexgen.c,
        input_kex_gen_reply().
        """
        algorithm = cast(str, self.host_key_type)
        offer, agreed = read_offer(algorithm, host_key), algorithm.removesuffix(SUFFIX)
        if Message(sig).get_text() != agreed:
            raise paramiko.SSHException(f"a signature of another type than {agreed}")
        super()._verify_key(offer.key.blob, sig)  # type: ignore[misc]
        self._identity.verify(offer)

    def _check_banner(self) -> None:
        self.remote_version = read_greeting(self._receive_line, self._limit_s, self._deadline)

    def _receive_line(self) -> bytes:
        """Return what is there of a line, and nothing of what follows it."""
        if not isinstance(self.sock, socket.socket):
            return bytes(self.sock.recv(1))
        said = self.sock.recv(_LINE_BYTES, socket.MSG_PEEK)
        return self.sock.recv(said.find(b"\n") + 1 or len(said))

    def _parse_kex_init(self, m: Message) -> None:
        try:
            super()._parse_kex_init(m)  # type: ignore[misc]
        except IncompatiblePeer as error:
            m.rewind()
            theirs = self._really_parse_kex_init(m)  # type: ignore[attr-defined]
            raise self._disagreement(theirs, str(error)) from None

    def _disagreement(self, theirs: dict[str, list[str]], otherwise: str) -> TransportError:
        for name, field, attribute in _AGREEMENTS:
            ours = getattr(self, attribute)
            if not set(ours) & set(theirs[field]):
                offered = text.printable(", ".join(theirs[field]))[:_SHOWN_CHARS]
                reason = f"no common {name} algorithm: it has {offered}; we have {', '.join(ours)}"
                return TransportError("error", "algorithms-incompatible", reason)
        return TransportError("error", "algorithms-incompatible", otherwise)

    def _parse_disconnect(self, m: Message) -> None:
        m.get_int()
        self.farewell = m.get_binary().decode("utf-8", "replace").strip()[:_SHOWN_CHARS]

    def _parse_service_accept(self, m: Message) -> None:
        super()._parse_service_accept(m)  # type: ignore[misc]
        self._accepted.set()

    def ensure_session(self) -> None:
        """Ask for the log-in service once; paramiko would wait for ever if the host went away."""
        if self.auth_handler is not None:
            return
        request = Message()
        request.add_byte(cMSG_SERVICE_REQUEST)
        request.add_string("ssh-userauth")
        self._send_message(request)
        while not self._accepted.wait(0.1):
            if not self.is_active() or not self._deadline.left_s():
                raise EOFError
        self.auth_handler = self.get_auth_handler()

    def get_auth_handler(self) -> AuthHandler:
        """Return the handler that loses no answer."""
        return AuthHandler(self)

    def _next_channel(self) -> int:
        number: int = super()._next_channel()  # type: ignore[misc]
        self._opening.number = number
        return number

    def open_channel(self, *args: Any, **keywords: Any) -> paramiko.Channel:
        """Open a channel; two refused at a time would get each other's reason from paramiko."""
        try:
            channel = super().open_channel(*args, **keywords)
        except paramiko.SSHException:
            refusal = self._refusals.pop(getattr(self._opening, "number", -1), None)
            if refusal is None:
                raise
            raise refusal from None
        channel.transport = cast(Transport, _Voice(self, channel))
        return channel

    def send_on(self, channel: paramiko.Channel, message: Message) -> None:
        """Send a message of *channel*, unless that is closed when its turn comes."""
        message.channel = channel  # type: ignore[attr-defined]
        self._send_user_message(message)  # type: ignore[attr-defined]

    def _send_message(self, data: Message) -> None:
        with self._speaking:
            channel = getattr(data, "channel", None)
            if channel is None or not channel.closed or data.asbytes()[:1] in _LAST_WORDS:
                super()._send_message(data)  # type: ignore[misc]

    def _parse_channel_open_failure(self, m: Message) -> None:
        number, code, words = m.get_int(), m.get_int(), m.get_binary()
        self._refusals[number] = paramiko.ChannelException(
            code, words[:_SHOWN_CHARS].decode("utf-8", "replace")
        )
        m.rewind()
        super()._parse_channel_open_failure(m)  # type: ignore[misc]
        self.saved_exception = None
