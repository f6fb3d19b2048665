"""The exit statuses: what the contract promises to scripts."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended; docs/report.md says which report means which."""

    DEPLOYABLE = 0
    BLOCKED = 1
    USAGE = 2
    UNDETERMINED = 3
    WARNINGS = 4
    BROKEN = 70
    HUNG_UP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143
