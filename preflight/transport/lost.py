"""What to call a connection that ended before its time."""

from __future__ import annotations

from preflight.errors import TransportError
from preflight.transport import Deadline


def lost(phase: str, deadline: Deadline, farewell: str | None = None) -> TransportError:
    """
    Return the failure of a connection that ended in *phase* ("while logging in").

    At the deadline we end it ourselves, so that this is then the cause.
    *farewell* is what the host said when it hung up.
    """
    if not deadline.left_s():
        return TransportError("timeout", "deadline", f"the host's time was over {phase}")
    says = f": the host said {farewell!r}" if farewell else ""
    return TransportError("unreachable", "connection-lost", f"the connection ended {phase}{says}")
