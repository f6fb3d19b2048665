"""When a host is asked again: faults of the way there, never an answer."""

from __future__ import annotations

import random

from preflight.errors import TransportError

_BASE_S = 0.5
_CROWDED_S = 2.0  # where the server said that it has too many connections
_LONGEST_S = 8.0


def pause_s(error: TransportError, tries: int) -> float:
    """
    Return how long to wait after so many tries: anything up to 0.5, 1, 2, … 8 seconds.

    Hosts that failed together do not come back together.  Source: "Exponential
    Backoff And Jitter", AWS Architecture Blog, 2015: full jitter.
    """
    base_s = _CROWDED_S if error.cause == "too-many-connections" else _BASE_S
    return random.uniform(0.0, min(_LONGEST_S, base_s * 2 ** (tries - 1)))  # noqa: S311


def told(error: TransportError, tries: int) -> str:
    """Return the reason for the report, with the number of tries where there was more than one."""
    return error.message if tries < 2 else f"{error.message} (tried {tries} times)"
