"""The outcome of a host that could not be asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

from preflight.api.members import settled
from preflight.api.wants import Outcome, Want
from preflight.judge import judge
from preflight.model.host import Host
from preflight.model.snapshot import Snapshot, Status


def unasked(host: Host, wants: Sequence[Want], status: str, cause: str, reason: str) -> Outcome:
    """Return what is known of *host*: why it is not known what its wants would come to."""
    known = cast(Status, status) if status in get_args(Status) else "error"
    snapshot = Snapshot(
        host=host.name, address=host.target, status=known, cause=cause, reason=reason
    )
    verdicts = (judge(want.requirements, want.start, snapshot).verdict for want in wants)
    return Outcome(snapshot, settled(wants, verdicts))
