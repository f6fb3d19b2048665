"""What can be wrong with a configuration."""

from __future__ import annotations

from preflight.errors import TransportError

CAUSE = "ssh-config-unusable"


class Unusable(TransportError):  # noqa: N818  (an adjective, as in the report)
    """The configuration gives no answer for one host."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__("error", CAUSE, reason, hint)


class Broken(Unusable):
    """The configuration gives no answer for any host; the message says in which line, if known."""


class Unclear(Exception):  # noqa: N818  (never leaves this room)
    """A line that only ssh itself can read."""
