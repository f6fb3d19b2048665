"""
What must not be seen: passwords and passphrases, held so that they cannot travel by accident.

A secret shows as ``[secret]`` wherever it is printed or formatted; to pickle
it, or to encode it as JSON or MessagePack, raises TypeError.
"""

from __future__ import annotations

import hmac
from typing import Any, NoReturn, Self

import msgspec
from msgspec import Struct

_SHOWN = "[secret]"


class Secret:
    """A password or a passphrase; only `reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself, for the one who asked for it and for nobody else."""
        return self._text

    def __repr__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return format(_SHOWN, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not to be pickled")


class Secrets(Struct, frozen=True, kw_only=True):
    """The secrets of a run; *passphrases* by the absolute path of their key file."""

    password: Secret | None = None  # to log in with
    become_password: Secret | None = None  # for sudo
    passphrases: tuple[tuple[str, Secret], ...] = ()

    def passphrase(self, path: str) -> Secret | None:
        """Return what opens the key file *path*, None where nobody said."""
        return next((secret for name, secret in self.passphrases if name == path), None)

    def without(self, said: str) -> str:
        """Return what a host said with the passwords left out that it may repeat."""
        for secret in (self.password, self.become_password):
            if secret is not None:
                said = said.replace(secret.reveal(), _SHOWN)
        return said

    def reveal(self) -> bytes:
        """
        Return all secrets in the clear, for `revealed` in a process of our own.

        Only for a pipe that nobody else can read: no file, argument, environment or network.
        """
        return msgspec.msgpack.encode(
            _Revealed(
                password=_plain(self.password),
                become_password=_plain(self.become_password),
                passphrases=tuple((path, secret.reveal()) for path, secret in self.passphrases),
            )
        )

    @classmethod
    def revealed(cls, data: bytes) -> Self:
        """Return the secrets that `reveal` was called for."""
        plain = msgspec.msgpack.decode(data, type=_Revealed)
        return cls(
            password=_secret(plain.password),
            become_password=_secret(plain.become_password),
            passphrases=tuple((path, Secret(text)) for path, text in plain.passphrases),
        )


class _Revealed(Struct, array_like=True):
    password: str | None
    become_password: str | None
    passphrases: tuple[tuple[str, str], ...]


def _plain(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _secret(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)


NO_SECRETS = Secrets()
