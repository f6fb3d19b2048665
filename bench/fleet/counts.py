"""What a server counts."""

from __future__ import annotations

import msgspec


class Counts(msgspec.Struct):
    """What was served; bytes are those of the channels, without SSH's own."""

    sessions: int = 0
    rounds: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    cpu_s: float = 0.0
    # What each image was asked, round after round, by who came last.
    asked: dict[int, list[str]] = msgspec.field(default_factory=dict)
