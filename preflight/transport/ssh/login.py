"""Log in with keys, and say exactly why it did not work."""

from __future__ import annotations

import paramiko

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.credentials.keys import Keyring, Offer
from preflight.transport.lost import lost
from preflight.transport.settings import Settings
from preflight.transport.ssh.protocol import BROKEN, AuthHandler, Transport


class KeyLogin:
    """
    Offer the keys of a ring, one after the other: an "auth_strategy" of paramiko's.

    Its own loop takes a key that is only the first of two factors for
    a success, and goes on when the connection is gone.
    """

    def __init__(self, settings: Settings, ring: Keyring, deadline: Deadline) -> None:
        self._settings = settings
        self._ring = ring
        self._deadline = deadline
        self._refused: list[str] = []

    def authenticate(self, transport: Transport) -> None:
        """Return once the host has let us in; raise `TransportError` if it does not."""
        if not self._ring.offers and self._is_open(transport):
            return
        for offer in self._ring.offers:
            if self._is_accepted(transport, offer):
                return
            if "publickey" not in _allowed(transport):
                break
        raise self._refusal(transport)

    def _is_open(self, transport: Transport) -> bool:
        """Ask which methods there are; some hosts need none.  Source: RFC 4252, 5.2."""
        try:
            transport.auth_none(self._settings.user)
        except BROKEN:
            self._check_alive(transport)
        return transport.is_authenticated()

    def _is_accepted(self, transport: Transport, offer: Offer) -> bool:
        says = ""
        try:
            further = transport.auth_publickey(self._settings.user, offer.key)
            if not further:
                return True
            says = " (accepted, but not enough)"
        except paramiko.AuthenticationException:
            pass
        except (*BROKEN, ValueError) as error:
            says = f" (cannot sign: {error})"
        self._refused.append(f"{offer.name}{says}")
        self._check_alive(transport)
        return False

    def _check_alive(self, transport: Transport) -> None:
        if transport.is_active() and self._deadline.left_s():
            return
        if transport.farewell and "authentication fail" in transport.farewell:
            raise self._refusal(transport)
        # Some hosts hang up in place of a refusal: asked again, they might lock the account.
        phase = "while logging in"
        raise lost(phase, self._deadline, transport.farewell, passing=False)

    def _refusal(self, transport: Transport) -> TransportError:
        reason = f"the host does not let {self._settings.user!r} in"
        if transport.farewell:
            reason += f": {transport.farewell!r}"
        if methods := _allowed(transport):
            reason += f"; it allows {', '.join(methods)}"
        if self._refused:
            reason += f"; offered: {', '.join(self._refused)}"
        if self._ring.problem:
            reason = f"{self._ring.problem}; {reason}"
        return TransportError("auth-failed", self._cause(), reason, self._ring.hint)

    def _cause(self) -> str:
        if self._ring.problem and (self._ring.explicit or not self._refused):
            return "key-unreadable"
        return "auth-refused" if self._refused else "no-credential"


def _allowed(transport: Transport) -> tuple[str, ...]:
    handler = transport.auth_handler
    return handler.allowed_methods if isinstance(handler, AuthHandler) else ()
