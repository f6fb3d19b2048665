"""What an audit says of one host: its facts, and what its libraries offer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct, field

from preflight.model.audited import Audited
from preflight.model.ground import Footing
from preflight.model.snapshot import Facts, Status


class HostAudit(Struct, frozen=True, kw_only=True):
    """
    One host; what is not known stands in *unknown* with the reason, by name.

    *audited* is None where its facts were not collected by an audit.
    """

    host: str
    address: str
    groups: tuple[str, ...] = ()
    status: Status
    cause: str | None = None
    reason: str | None = None
    facts: Facts = Facts()
    audited: Audited | None = None
    footings: tuple[Footing, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
