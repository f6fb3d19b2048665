"""Log in with keys and a password, and say exactly why it did not work."""

from __future__ import annotations

import re
from collections import deque

import paramiko

from preflight.errors import TransportError
from preflight.model.text import printable
from preflight.transport import Deadline
from preflight.transport.credentials.guard import Credential, Turn, guard_of
from preflight.transport.credentials.keys import Keyring
from preflight.transport.credentials.secret import Secret
from preflight.transport.lost import lost
from preflight.transport.settings import Settings
from preflight.transport.ssh.protocol import BROKEN, AuthHandler, Declined, Prompt, Transport

# What asks for the password of an account, and what asks for something else
# in the same words: a code of the moment, or a new password.
_PASSWORD = re.compile(r"(?i)password|passwort|mot de passe|contraseña")
_OTHER = re.compile(r"(?i)one.?time|otp|token|code|new|current|retype|again|change")
_SHOWN_CHARS = 100


class Login:
    """
    Offer the keys of a ring, and the run's password: an "auth_strategy" of paramiko's.

    Its own loop takes a key that is only the first of two factors for
    a success, and goes on when the connection is gone.
    """

    def __init__(self, settings: Settings, ring: Keyring, deadline: Deadline) -> None:
        self._settings = settings
        self._ring = ring
        self._deadline = deadline
        self._guard = guard_of(settings.run)
        self._offers = deque(ring.offers if "publickey" in settings.methods else ())
        self._password = settings.secrets.password
        self._refused: list[str] = []
        self._notes: list[str] = []  # on the password
        self._judged = False  # the host said no to what was offered, not only to the method
        self._password_refused = False

    def authenticate(self, transport: Transport) -> None:
        """Return once the host has let us in; raise `TransportError` if it does not."""
        if self._password and not transport.may_learn_passwords:
            self._password = None
            self._notes.append("a host with another key than the recorded one gets no password")
        if not self._offers and self._is_open(transport):
            return
        if not (self._offers or self._password):
            raise self._refusal(transport)
        name, credential = self._settings.name, self._ring.credential
        with self._guard.turn(credential, name, self._deadline) as turn:
            try:
                self._prove(transport)
            except TransportError as error:
                if self._judged and error.status == "auth-failed":
                    turn.refused()
                raise
            turn.worked()

    def _prove(self, transport: Transport) -> None:
        """Try what the host allows, each thing once, until it is enough."""
        while True:
            if self._offers and self._allows(transport, "publickey"):
                enough = self._is_known(transport)
            elif self._password and self._password_methods(transport):
                enough = self._is_trusted(transport)
            else:
                raise self._refusal(transport)
            if enough:
                return

    def _allows(self, transport: Transport, method: str) -> bool:
        """Whether the host allows *method* now, as far as it has said."""
        allowed = _allowed(transport)
        return allowed is None or method in allowed

    def _password_methods(self, transport: Transport) -> list[str]:
        ways = ("keyboard-interactive", "password")
        return [m for m in self._settings.methods if m in ways and self._allows(transport, m)]

    def _is_open(self, transport: Transport) -> bool:
        """Ask which methods there are; some hosts need none.  Source: RFC 4252, 5.2."""
        try:
            transport.auth_none(self._settings.user)
        except BROKEN:
            self._check_alive(transport)
        return transport.is_authenticated()

    def _is_known(self, transport: Transport) -> bool:
        """Offer the next key, and whether that is enough; keep it where no key is wanted yet."""
        offer = self._offers.popleft()
        says = ""
        try:
            further = transport.auth_publickey(self._settings.user, offer.key)
            if not further:
                return True
            says = " (accepted, but not enough)"
        except paramiko.BadAuthenticationType:
            self._offers.appendleft(offer)
            return False
        except paramiko.AuthenticationException:
            self._judged = True
        except (*BROKEN, ValueError) as error:
            says = f" (cannot sign: {error})"
        self._refused.append(f"{offer.name}{says}")
        self._check_alive(transport)
        return False

    def _is_trusted(self, transport: Transport) -> bool:
        """Give the password to the first method that asks for it, and whether that is enough."""
        user, name = self._settings.user, self._settings.name
        password, self._password = self._password, None
        if password is None:
            return False
        with self._guard.turn(Credential(user, "password"), name, self._deadline) as turn:
            for method in self._password_methods(transport):
                answer = _Answer(password)
                if self._is_enough(transport, method, answer, turn):
                    return True
                if answer.given:
                    break
        return False

    def _is_enough(self, transport: Transport, method: str, answer: _Answer, turn: Turn) -> bool:
        user = self._settings.user
        try:
            if method == "password":
                further = transport.auth_password(user, answer.give(), fallback=False)
            else:
                further = transport.auth_interactive(user, answer.to_prompts)
        except Declined as error:
            self._notes.append(str(error))
            return False
        except BROKEN:
            if answer.given:
                self._hear_no(transport, turn)
            self._check_alive(transport)
            return False
        if answer.given:
            turn.worked()
            self._notes.append("the password was accepted, but is not enough")
        return not further

    def _hear_no(self, transport: Transport, turn: Turn) -> None:
        """
        Take note of a refused password.

        A host that hangs up on a password counts too: what its directory made
        of it nobody knows, and it is not to be tried again.
        """
        if not self._deadline.left_s():
            return
        turn.refused()
        self._judged = self._password_refused = True
        self._notes.append("the password was refused")
        if not transport.is_active():
            raise self._refusal(transport)

    def _check_alive(self, transport: Transport) -> None:
        if transport.is_active() and self._deadline.left_s():
            return
        farewell = self._settings.secrets.without(transport.farewell or "")
        if "authentication fail" in farewell:
            self._judged = True
            raise self._refusal(transport)
        # Some hosts hang up in place of a refusal: asked again, they might lock the account.
        raise lost("while logging in", self._deadline, farewell, passing=False)

    def _refusal(self, transport: Transport) -> TransportError:
        reason = f"the host does not let {self._settings.user!r} in"
        without = self._settings.secrets.without
        if transport.farewell:
            reason += f": {without(transport.farewell)!r}"
        if methods := _allowed(transport):
            reason += f"; it allows {without(', '.join(methods))}"
        if self._refused:
            reason += f"; offered: {', '.join(self._refused)}"
        if self._notes:
            reason += f"; {'; '.join(self._notes)}"
        if self._ring.problem:
            reason = f"{self._ring.problem}; {reason}"
        return TransportError("auth-failed", self._cause(), printable(reason), self._hint(methods))

    def _cause(self) -> str:
        if self._password_refused:
            return "password-refused"
        if self._ring.problem and (self._ring.explicit or not self._refused):
            return "key-unreadable"
        return "auth-refused" if self._refused or self._notes else "no-credential"

    def _hint(self, methods: tuple[str, ...] | None) -> str | None:
        if self._ring.hint:
            return self._ring.hint
        wanted = {"password", "keyboard-interactive"} & set(methods or ())
        if wanted and self._settings.secrets.password is None:
            return "-k asks for a password"
        return None


class _Answer:
    """The password, to be given away once."""

    def __init__(self, password: Secret) -> None:
        self._password = password
        self.given = False

    def give(self) -> str:
        """Return the password, and remember that it was used."""
        self.given = True
        return self._password.reveal()

    def to_prompts(self, title: str, instructions: str, prompts: list[Prompt]) -> list[str]:
        """
        Return the answers to what a host asks: the password, once, where it asks for just that.

        Raises `Declined` for any other question.  PAM also sends messages
        without one.
        """
        del title, instructions
        if not prompts:
            return []
        text, echo = prompts[0]
        words = text.replace(self._password.reveal(), str(self._password))[:_SHOWN_CHARS]
        if len(prompts) > 1 or echo or not _PASSWORD.search(text) or _OTHER.search(text):
            raise Declined(f"the host asks {words!r}, which is not for the password")
        if self.given:
            raise Declined(f"the host asks {words!r} once more")
        return [self.give()]


def _allowed(transport: Transport) -> tuple[str, ...] | None:
    """Return the methods that the host allows next, None where it has not said yet."""
    handler = transport.auth_handler
    return handler.allowed_methods if isinstance(handler, AuthHandler) else None
