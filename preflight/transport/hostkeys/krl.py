"""
OpenSSH's Key Revocation Lists, as ``ssh-keygen -k`` makes them: PROTOCOL.krl.

A list that is signed, or has a section that is not known here, is refused:
what it revokes could not be told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from preflight.transport.hostkeys.certificate import Certificate
from preflight.transport.hostkeys.key import PublicKey
from preflight.transport.hostkeys.offer import Offer
from preflight.transport.hostkeys.wire import Reader

MAGIC = b"SSHKRL\n\0"
_FORMAT = 1
_ANY_AUTHORITY = b""


class _Certificates:
    """What is revoked of one authority's certificates."""

    def __init__(self) -> None:
        self.serials: set[int] = set()
        self.ranges: list[tuple[int, int]] = []  # both ends count
        self.bitmaps: list[tuple[int, int]] = []  # the first serial, and a bit for each from there
        self.key_ids: set[bytes] = set()

    def revokes(self, certificate: Certificate) -> bool:
        """Whether *certificate* is revoked, by its serial number or its id."""
        if certificate.key_id in self.key_ids:
            return True
        serial = certificate.serial
        if serial == 0:  # the authority gave none
            return False
        return (
            serial in self.serials
            or any(low <= serial <= high for low, high in self.ranges)
            or any(serial >= low and bits >> (serial - low) & 1 for low, bits in self.bitmaps)
        )


class KeyRevocationList:
    """The content of one list; ValueError where it is malformed.  Source: OpenSSH krl.c."""

    def __init__(self, content: bytes) -> None:
        self._blobs: set[bytes] = set()
        self._sha1: set[bytes] = set()
        self._sha256: set[bytes] = set()
        self._certificates: dict[bytes, _Certificates] = {}
        reader = Reader(content)
        reader.take(len(MAGIC))
        if reader.number(4) != _FORMAT:
            raise ValueError("a revocation list of another format")
        for size_bytes in (8, 8, 8):  # version, date, flags
            reader.take(size_bytes)
        for _ in ("reserved", "comment"):
            reader.string()
        sections: dict[int, Callable[[Reader], None]] = {
            1: self._read_certificates,
            2: lambda section: self._blobs.update(section.strings()),
            3: lambda section: self._sha1.update(section.strings()),
            5: lambda section: self._sha256.update(section.strings()),
            255: _skip_extension,
        }
        _read_sections(reader, sections)

    def revoked(self, offer: Offer) -> PublicKey | None:
        """Return the key of *offer* that is revoked.  Source: ssh_krl_check_key()."""
        certificate = offer.certificate
        for key in offer.keys:
            if self._revokes_key(key):
                return key
        if certificate is None:
            return None
        lists = (certificate.authority.blob, _ANY_AUTHORITY)
        found = (self._certificates[name] for name in lists if name in self._certificates)
        return offer.key if any(one.revokes(certificate) for one in found) else None

    def _revokes_key(self, key: PublicKey) -> bool:
        return (
            key.blob in self._blobs
            or hashlib.sha1(key.blob).digest() in self._sha1  # noqa: S324 - the format has it
            or hashlib.sha256(key.blob).digest() in self._sha256
        )

    def _read_certificates(self, section: Reader) -> None:
        certificates = self._certificates.setdefault(section.string(), _Certificates())
        section.string()  # reserved

        def serials(part: Reader) -> None:
            while not part.done:
                certificates.serials.add(part.number(8))

        sections: dict[int, Callable[[Reader], None]] = {
            0x20: serials,
            0x21: lambda part: certificates.ranges.append((part.number(8), part.number(8))),
            0x22: lambda part: certificates.bitmaps.append(
                (part.number(8), int.from_bytes(part.string(), "big"))
            ),
            0x23: lambda part: certificates.key_ids.update(part.strings()),
            0x39: _skip_extension,
        }
        _read_sections(section, sections)


def _read_sections(reader: Reader, sections: dict[int, Callable[[Reader], None]]) -> None:
    while not reader.done:
        kind = reader.number(1)
        if kind not in sections:
            raise ValueError(f"a revocation list with a section of the type {kind}")
        section = reader.part()
        sections[kind](section)
        if not section.done:
            raise ValueError("a revocation list with a section that is too long")


def _skip_extension(section: Reader) -> None:
    name = section.string()
    if section.number(1):
        raise ValueError(f"a revocation list with the critical extension {name!r}")
    section.string()
