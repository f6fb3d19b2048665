"""What is known to be wrong and is accepted for now."""

from __future__ import annotations

from msgspec import Struct


class Waiver(Struct, frozen=True, kw_only=True):
    """Accepts findings until the end of the day *expires* (ISO 8601, as this machine counts it)."""

    code: str  # a finding's code, or a glob
    hosts: tuple[str, ...]  # names, globs, ranges, groups of the inventory
    binaries: tuple[str, ...] = ("*",)  # paths as given, or their last part; globs
    subject: str | None = None  # of the finding, a glob; None: any
    reason: str
    expires: str
    place: str  # "waivers.yaml:3"
