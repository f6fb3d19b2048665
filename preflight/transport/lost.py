"""What to call a connection that ended before its time."""

from __future__ import annotations

from preflight.errors import TransportError
from preflight.transport import Deadline


def lost(
    phase: str, deadline: Deadline, farewell: str | None = None, *, passing: bool | None = None
) -> TransportError:
    """
    Return the failure of a connection that ended in *phase* ("while logging in").

    At the deadline we end it ourselves, so that this is then the cause.
    *farewell* is what the host said when it hung up; *passing* as in `TransportError`.
    """
    if deadline.overslept:
        return TransportError("timeout", "answer-timeout", f"the host fell silent {phase}")
    if not deadline.left_s():
        return TransportError("timeout", "deadline", f"the host's time was over {phase}")
    says = f": the host said {farewell!r}" if farewell else ""
    reason = f"the connection ended {phase}{says}"
    return TransportError("unreachable", "connection-lost", reason, passing=passing)


def timed_out(cause: str, reason: str, deadline: Deadline) -> TransportError:
    """Return the failure of a wait that ended: the host's deadline, or a shorter limit."""
    if deadline.left_s():
        return TransportError("timeout", cause, reason)
    return TransportError("timeout", "deadline", f"the host's time was over: {reason}")
