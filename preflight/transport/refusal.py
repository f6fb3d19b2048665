"""What an OpenSSH server says of an address that it cannot connect to, and what that is called."""

from __future__ import annotations

from preflight.errors import TransportError

# In the system's words.
UNREACHED = {
    "Connection refused": ("unreachable", "connection-refused"),
    "No route to host": ("unreachable", "no-route"),
    "Network is unreachable": ("unreachable", "no-route"),
    "Connection timed out": ("timeout", "connect-timeout"),
    "Operation timed out": ("timeout", "connect-timeout"),
    "Name or service not known": ("unreachable", "name-not-found"),
    "No address associated with hostname": ("unreachable", "name-not-found"),
    "Temporary failure in name resolution": ("unreachable", "name-not-found"),
}


def refused_behind(says: str, reason: str) -> TransportError:
    """Return what it means for a host that its jump host *says* this of it."""
    for words, (status, cause) in UNREACHED.items():
        if words in says:
            return TransportError(status, cause, reason)
    return TransportError("unreachable", "jump-failed", reason)
