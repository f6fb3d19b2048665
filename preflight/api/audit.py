"""Audits: what hosts are, with no program in hand."""

from __future__ import annotations

from collections.abc import Sequence

from preflight.api.ground import Standing, ground_of, standing
from preflight.model.audit import HostAudit
from preflight.model.snapshot import Snapshot
from preflight.model.verdict import Verdict

# Of these an audit tells the versions: what most programs are built against.
LIBRARIES = (
    *("libc.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libz.so.1"),
    *("libssl.so.3", "libcrypto.so.3", "libssl.so.1.1", "libcrypto.so.1.1"),
    *("libssl.so.10", "libcrypto.so.10"),
)


def audit_programs() -> tuple[Standing, ...]:
    """Return the programs that an audit has the hosts judged for."""
    return standing(LIBRARIES)


def audit_of(
    snapshot: Snapshot,
    programs: Sequence[Standing],
    groups: Sequence[str] = (),
    verdicts: Sequence[Verdict] | None = None,
) -> HostAudit:
    """Return what *snapshot*, made for *programs*, tells of the host; see `ground_of`."""
    audited = snapshot.audited
    probed = snapshot.status == "probed"
    beyond = {} if audited is None else audited.unknown
    return HostAudit(
        host=snapshot.host,
        address=snapshot.address,
        groups=tuple(groups),
        status=snapshot.status,
        cause=snapshot.cause,
        reason=snapshot.reason,
        facts=snapshot.facts,
        audited=audited,
        footings=ground_of(snapshot, programs, verdicts).footings if probed else (),
        unknown={**snapshot.facts_unknown, **beyond},
    )
