"""Which compiler or linker had a hand in a binary, by its own word."""

from __future__ import annotations

from msgspec import Struct

LINKERS = ("lld", "mold", "gold")


class Toolchain(Struct, frozen=True):
    """
    One compiler or linker; a binary may name several, as the C run-time is often another's.

    *name* is "gcc", "clang", "rustc", "zig", "go", "lld", "mold", "gold" or another
    in small letters, None where the text is of a tool that is not known here.
    """

    name: str | None
    version: str | None  # "12.2.0", without the distribution's own numbers
    text: str  # as it stands in the file: "GCC: (Debian 12.2.0-14) 12.2.0"
