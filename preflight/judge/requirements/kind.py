"""What a kind of need consists of, and what its findings have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from preflight.judge.case import Case
from preflight.model.form import Record, Table, Texts
from preflight.model.need import Need
from preflight.model.verdict import Finding, Severity

Check = Callable[[Need, Case], Iterator[Finding]]
_FACTORS = {"": 1, "K": 10, "M": 20, "G": 30, "T": 40}


class Kind(Struct, frozen=True):
    """How needs of one kind are written, and what becomes of one on a host."""

    form: Record | Table | Texts
    check: Check


def unmet(code: str, need: Need, message: str, *evidence: str) -> Finding:
    """Return that the host lacks what is needed."""
    return _finding(code, "error", need, message, evidence)


def unsure(code: str, need: Need, message: str, *evidence: str) -> Finding:
    """Return that nobody knows whether the host has it."""
    return _finding(code, "unknown", need, message, evidence)


def _finding(
    code: str, severity: Severity, need: Need, message: str, evidence: tuple[str, ...]
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        subject=need.subject,
        needed_by=need.place or None,
        message=message,
        evidence=evidence,
    )


def size_bytes(text: str) -> int:
    """Return the bytes of ``500MiB``, ``2G`` (both of 1024) or ``2GB`` (of 1000)."""
    found = re.fullmatch(r"([0-9.]+) ?([kKMGT]?)(i?B?)", text)
    if found is None:
        raise ValueError(f"{text!r} is no size")
    power = _FACTORS[found[2].upper()]
    decimal = found[3] == "B" and power
    return int(float(found[1]) * (10 ** (power * 3 // 10) if decimal else 1 << power))


def shown_size(count: int) -> str:
    """Return *count* bytes for people: 1.4 GiB, rounded down."""
    for unit, power in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << power:
            tenths = count * 10 >> power
            return (
                f"{tenths // 10}.{tenths % 10} {unit}" if tenths % 10 else f"{tenths // 10} {unit}"
            )
    return f"{count} B"


def ended(said: str) -> tuple[str, int | None]:
    """Return what a command printed, and its exit status; None where it was cut off."""
    text, mark, status = said.rpartition("\nexit ")
    if mark and status.strip().isdecimal():
        return text, int(status)
    return said, None
