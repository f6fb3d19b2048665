"""What is said of host keys where the connection stands: one line each, the same for all hosts."""

from __future__ import annotations

UNVERIFIED = (
    "host keys are not verified (--host-key-checking off): whoever is in between can answer for"
    " the hosts"
)
NOWHERE = "new host keys are accepted, and there is no file to record them in"


def recorded(path: str) -> str:
    """Return the remark that *path* has new lines."""
    return f"{path}: new host keys were recorded"


def unrecorded(path: str, why: str) -> str:
    """Return the remark that *path* cannot have new lines."""
    return f"{path}: new host keys cannot be recorded: {why}"
