"""Moments, as every file and report writes them."""

from __future__ import annotations

import datetime as dt


def rfc3339(moment: dt.datetime) -> str:
    """Return *moment*, which is in UTC, to the second: ``2026-01-02T03:04:05Z`` (RFC 3339)."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
