"""
Who a host is: what it may prove that with, whether it did, and what becomes of a new one.

The one entrance for the SSH transport, for targets and jump hosts alike.
"""

from __future__ import annotations

from collections.abc import Iterable

from preflight.errors import TransportError
from preflight.model.snapshot import HostKeyState
from preflight.transport import Deadline
from preflight.transport.hostkeys import accept, refusal, remarks
from preflight.transport.hostkeys.certificate import SUFFIX
from preflight.transport.hostkeys.known_hosts import NO_FILE, load
from preflight.transport.hostkeys.offer import Offer, key_type
from preflight.transport.hostkeys.record import Names, Record
from preflight.transport.hostkeys.revoked import refuse_revoked
from preflight.transport.settings import Settings


class Identity:
    """
    One host, from before the key exchange on; *state* is None until it has proved itself.

    Verifies under the rules of *settings*, until *deadline*.  A host that passes
    unverified though other keys of it are recorded *is_contradicted*: it must not
    learn a password.  Source: OpenSSH sshconnect.c, check_host_key().
    """

    def __init__(self, settings: Settings, deadline: Deadline) -> None:
        self._settings = settings
        self._deadline = deadline
        self._names = Names.of(settings)
        self._record = self._look_up()
        self.state: HostKeyState | None = None
        self.warnings = self._record.known.warnings
        self.is_contradicted = False
        self._verified: Offer | None = None

    def _look_up(self) -> Record:
        return Record(load(self._settings.known_hosts), self._names)

    def algorithms(self, usable: Iterable[str]) -> tuple[str, ...]:
        """
        Return the host key algorithms to ask for, of those *usable* by the SSH library.

        Those that could prove the host come first, certificates before all; no
        certificate is asked for that nobody here could verify.  Source: OpenSSH
        sshconnect2.c, order_hostkeyalgs().
        """
        known, certified = self._record.key_types, self._record.takes_certificates
        plain = [name for name in usable if not name.endswith(SUFFIX)]
        possible = [*([name + SUFFIX for name in plain] if certified else ()), *plain]
        wanted = self._settings.host_key_algorithms or possible
        ours = [name for name in wanted if name in possible]
        first = [name for name in ours if name.endswith(SUFFIX) or key_type(name) in known]
        return tuple(dict.fromkeys((*first, *ours)))

    def verify(self, offer: Offer) -> None:
        """
        Return if *offer* proves the host, or may pass unproved; else raise `TransportError`.

        Called for each key exchange of a connection.
        """
        if offer == self._verified:
            return
        if self._settings.revoked_host_keys:
            refuse_revoked(self._settings.revoked_host_keys, offer)
        self.state = self._judge(offer)
        self._verified = offer

    def _judge(self, offer: Offer) -> HostKeyState:
        if self._settings.host_keys == "off":
            self._record.refuse_revoked(offer)
            self.is_contradicted = self._contradicts(offer)
            self._warn(remarks.UNVERIFIED)
            return "not-verified"
        if self._record.is_known(offer):
            return "verified"
        if self._settings.host_keys == "accept-new":
            return self._accept(offer)
        raise refusal.unknown(self._record, offer)

    def _contradicts(self, offer: Offer) -> bool:
        try:
            self._record.is_known(offer)
        except TransportError:
            return True
        return False

    def _accept(self, offer: Offer) -> HostKeyState:
        path = next(iter(self._settings.known_hosts), NO_FILE)
        if path == NO_FILE:
            self._warn(remarks.NOWHERE)
            return "accepted-new"
        try:
            with accept.locked(path, self._deadline) as descriptor:
                if self._look_up().is_known(offer):
                    return "verified"
                hashed = self._settings.hash_known_hosts
                line = accept.line_of(self._names.recorded, offer.key, hashed=hashed)
                accept.append(descriptor, line)
            self._look_up()  # learns the line: hashed, it is not tried for other names then
        except OSError as error:
            self._warn(remarks.unrecorded(path, error.strerror or str(error)))
        else:
            self._warn(remarks.recorded(path))
        return "accepted-new"

    def _warn(self, warning: str) -> None:
        self.warnings += (warning,)
