"""
Host certificates: OpenSSH's PROTOCOL.certkeys.

Only what CASignatureAlgorithms allows by default may have signed one, and of
that only what can be verified here: not the keys of security tokens.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import paramiko
from msgspec import Struct
from paramiko.message import Message

from preflight.model import text
from preflight.model.moment import rfc3339
from preflight.transport.hostkeys.key import FIELDS, PublicKey, key_of
from preflight.transport.hostkeys.wire import Reader, string

SUFFIX = "-cert-v01@openssh.com"
# Type of an authority's key → the signatures that it may give.  Source:
# ssh_config(5), CASignatureAlgorithms.
SIGNATURES = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
_KEYS: dict[str, type[paramiko.PKey]] = {
    "ssh-rsa": paramiko.RSAKey,
    "ssh-ed25519": paramiko.Ed25519Key,
} | {kind: paramiko.ECDSAKey for kind in SIGNATURES if kind.startswith("ecdsa-")}
_HOST = 2  # SSH_CERT_TYPE_HOST


class Certificate(Struct, frozen=True, kw_only=True):
    """What an authority says of a key; times in seconds since 1970."""

    key: PublicKey
    serial: int
    kind: int
    key_id: bytes
    principals: tuple[str, ...]
    valid_after_s: int
    valid_before_s: int
    critical: tuple[bytes, ...]  # names and values
    authority: PublicKey
    signature_type: str

    def fault(self, name: str, now_s: float) -> str | None:
        """
        Return why the certificate does not hold for the host *name*, None where it does.

        Source: OpenSSH sshkey.c, sshkey_cert_check_host() as sshconnect.c calls
        it: principals are compared as they are, and none stands for all.
        """
        if self.kind != _HOST:
            return "is not one for hosts"
        if now_s < self.valid_after_s:
            return f"is not valid before {_date(self.valid_after_s)}"
        if now_s >= self.valid_before_s:
            return f"expired at {_date(self.valid_before_s)}"
        if self.principals and name not in self.principals:
            return f"is for {', '.join(self.principals)}, not for {name}"
        if self.critical:
            return "has critical options, of which none is known"
        if self.signature_type not in SIGNATURES.get(self.authority.type, ()):
            return f"has a signature of the type {self.signature_type}, which is not allowed"
        return None


def read_certificate(blob: bytes) -> Certificate:
    """
    Return the certificate that a host shows; raise ValueError where it is malformed or forged.

    The signature is verified where the authority's key can be used at all.
    Source: OpenSSH sshkey.c, cert_parse().
    """
    reader = Reader(blob)
    key_type = text.decode(reader.string()).removesuffix(SUFFIX)
    if key_type not in FIELDS:
        raise ValueError(f"a certificate of the type {key_type}")
    reader.string()  # the nonce
    begin = reader.place
    for _ in range(FIELDS[key_type]):
        reader.string()
    key = PublicKey(key_type, string(key_type.encode()) + blob[begin : reader.place])
    claims = _read_claims(reader)
    signed, signature = blob[: reader.place], reader.string()
    if not reader.done:
        raise ValueError("something follows it")
    certificate = Certificate(
        key=key, signature_type=text.decode(Reader(signature).string()), **claims
    )
    if not _is_signed(signed, signature, certificate):
        raise ValueError("its signature is wrong")
    return certificate


def _read_claims(reader: Reader) -> dict[str, Any]:
    """Return what stands between the key and the signature."""
    claims: dict[str, Any] = {
        "serial": reader.number(8),
        "kind": reader.number(4),
        "key_id": reader.string(),
        "principals": tuple(map(text.decode, reader.part().strings())),
        "valid_after_s": reader.number(8),
        "valid_before_s": reader.number(8),
        "critical": reader.part().strings(),
    }
    reader.part().strings()  # extensions, which mean nothing for hosts
    reader.string()  # reserved
    claims["authority"] = key_of(reader.string())
    return claims


def _is_signed(signed: bytes, signature: bytes, certificate: Certificate) -> bool:
    """Whether the authority signed; of a signature that cannot be verified `fault` knows."""
    authority, kind = certificate.authority, certificate.signature_type
    if kind not in SIGNATURES.get(authority.type, ()):
        return True
    try:
        _, _ = Reader(signature).strings()  # paramiko takes one that is cut off
        key = _KEYS[authority.type](msg=Message(authority.blob))
        return bool(key.verify_ssh_sig(signed, Message(signature)))
    except Exception:  # noqa: BLE001 - what strange bytes have the libraries raise is not one family
        return False


def _date(moment_s: int) -> str:
    try:
        moment = dt.datetime.fromtimestamp(moment_s, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return "the end of time"
    return rfc3339(moment)
