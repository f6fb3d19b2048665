"""What is shown first of a message."""

from __future__ import annotations

from preflight.messages import Explanation, explain


def first(message: str) -> Explanation | None:
    """Return the most telling explanation, None where no line is known."""
    return next(iter(explain(message)), None)
