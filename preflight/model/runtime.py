"""What a program will want of a host once it runs, and no header names: advice only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

RunTimeKind = Literal[
    "ca-certificates", "timezone-data", "nss", "gconv", "shared-memory", "proc", "locale"
]

# Where Go's crypto/x509 looks, and most others: its root_linux.go.
CA_PLACES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs/",
    "/etc/pki/tls/certs/",
)
# Go's time: zoneinfo_unix.go.
ZONE_PLACES = (
    "/usr/share/zoneinfo/",
    "/usr/share/lib/zoneinfo/",
    "/usr/lib/locale/TZ/",
    "/etc/zoneinfo/",
)


class RunTimeNeed(Struct, frozen=True):
    """
    One need, and what in the binary gives cause to think of it.

    Any one of *places* will do, where there are some; one that ends in "/" is
    a directory that holds something.
    """

    kind: RunTimeKind
    because: str
    places: tuple[str, ...] = ()
