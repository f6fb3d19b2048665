"""
What is recorded of one host, and whether the key that it shows is that.

The rules are OpenSSH's.  Source: sshconnect.c, check_host_key(), and
hostfile.c, check_hostkeys_by_key_or_type().
"""

from __future__ import annotations

import functools
import time

from msgspec import Struct

from preflight.transport.hostkeys import refusal
from preflight.transport.hostkeys.certificate import SIGNATURES
from preflight.transport.hostkeys.index import Entry
from preflight.transport.hostkeys.known_hosts import KnownHosts, host_name
from preflight.transport.hostkeys.offer import Offer
from preflight.transport.settings import SSH_PORT, Settings


class Names(Struct, frozen=True):
    """What one host is called."""

    recorded: str  # in known_hosts
    portless: str | None  # there, where nothing is recorded under its port
    principal: str  # in certificates

    @classmethod
    def of(cls, settings: Settings) -> Names:
        """Return a host's names.  Source: sshconnect.c, get_hostfile_hostname_ipaddr()."""
        alias = settings.host_key_alias
        if alias is not None:
            return cls(alias, None, alias)
        address = settings.address.lower()
        portless = None if settings.port == SSH_PORT else address
        return cls(host_name(address, settings.port), portless, address)


class Record:
    """What is recorded of one host; looked up once, for hashed names make that dear."""

    def __init__(self, known: KnownHosts, names: Names) -> None:
        self.names = names
        self.known = known
        self._entries = known.find(names.recorded)

    @functools.cached_property
    def _portless(self) -> tuple[Entry, ...]:
        portless = self.names.portless
        return () if portless is None else self.known.find(portless)

    @property
    def key_types(self) -> tuple[str, ...]:
        """The types of key that could prove the host."""
        entries = _marked("", self._entries) or _marked("", self._portless)
        return tuple(dict.fromkeys(entry.key.type for entry in entries))

    @property
    def authorities(self) -> tuple[Entry, ...]:
        """The authorities that could vouch for the host."""
        return _authorities(self._entries) or _authorities(self._portless)

    @property
    def takes_certificates(self) -> bool:
        """Whether a certificate could prove the host."""
        return any(entry.key.type in SIGNATURES for entry in self.authorities)

    def is_known(self, offer: Offer) -> bool:
        """
        Whether *offer* is recorded for the host; False where nothing speaks against it either.

        Raises `TransportError` for a revoked key, and for a host of which only
        other keys are recorded.  A certificate that does not hold leaves the key
        itself.  Where nothing is recorded under the host's port, it is looked up
        without: a key that is revoked there is refused, which ssh would accept
        as a new one.
        """
        if self._is_certified(self._entries, offer):
            return True
        if offer.certificate and not _authorities(self._entries) and self._is_known_portless(offer):
            return True
        recorded = _marked("", self._entries)
        if any(entry.key == offer.key for entry in recorded):
            return True
        if recorded:
            raise refusal.changed(self, offer, recorded)
        return self._is_known_portless(Offer(offer.key))

    def refuse_revoked(self, offer: Offer) -> None:
        """Raise `TransportError` where *offer* is revoked for the host."""
        for entries in (self._entries, self._portless):
            _refuse_revoked(entries, offer)

    def fault(self, offer: Offer) -> str | None:
        """Return why the host's certificate does not hold, None where it does or there is none."""
        if offer.certificate is None:
            return None
        return offer.certificate.fault(self.names.principal, time.time())

    def _is_known_portless(self, offer: Offer) -> bool:
        if self._is_certified(self._portless, offer):
            return True
        return any(entry.key == offer.key for entry in _marked("", self._portless))

    def _is_certified(self, entries: tuple[Entry, ...], offer: Offer) -> bool:
        _refuse_revoked(entries, offer)
        if offer.certificate is None or self.fault(offer):
            return False
        return any(e.key == offer.certificate.authority for e in _authorities(entries))


def _marked(marker: str, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if entry.marker == marker)


def _authorities(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    return _marked("cert-authority", entries)


def _refuse_revoked(entries: tuple[Entry, ...], offer: Offer) -> None:
    """Source: OpenSSH hostfile.c, check_key_not_revoked()."""
    for entry in _marked("revoked", entries):
        if entry.key in offer.keys:
            raise refusal.revoked(offer, entry.key, entry.place)
