"""What a host shows in the key exchange to prove who it is."""

from __future__ import annotations

from typing import NamedTuple

from preflight.errors import TransportError
from preflight.model import text
from preflight.transport.hostkeys.certificate import SUFFIX, Certificate, read_certificate
from preflight.transport.hostkeys.key import PublicKey, key_of

# Algorithms that are not called by their keys' type.  Source: RFC 8332, 3.
_RSA = {"rsa-sha2-512": "ssh-rsa", "rsa-sha2-256": "ssh-rsa"}


class Offer(NamedTuple):
    """A host's key, and the certificate that it shows for it."""

    key: PublicKey
    certificate: Certificate | None = None

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """All keys that must not be revoked: the host's, and that of its authority."""
        return (self.key, self.certificate.authority) if self.certificate else (self.key,)


def key_type(algorithm: str) -> str:
    """Return the type of the key that an algorithm takes, or certifies."""
    plain = algorithm.removesuffix(SUFFIX)
    return _RSA.get(plain, plain)


def read_offer(algorithm: str, blob: bytes) -> Offer:
    """
    Return what the host shows under *algorithm*.

    Raises ValueError for another type of key than was agreed on, and
    `TransportError` for a certificate that is none.  Source: OpenSSH kex.c,
    kex_verify_host_key().
    """
    certified = algorithm.endswith(SUFFIX)
    expected = key_type(algorithm) + (SUFFIX if certified else "")
    shown = key_of(blob)
    if shown.type != expected:
        raise ValueError(f"a key of the type {shown.type} where {expected} was agreed on")
    if not certified:
        return Offer(shown)
    try:
        certificate = read_certificate(blob)
    except ValueError as error:
        reason = text.printable(f"the host shows a certificate that is not valid: {error}")
        raise TransportError("host-key", "host-key-certificate", reason) from None
    return Offer(certificate.key, certificate)
