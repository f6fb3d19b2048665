"""
Dynamic string tokens: $ORIGIN, $LIB, $PLATFORM, also in braces.

Source: ld.so(8) "Dynamic string tokens"; glibc elf/dl-load.c, is_dst(),
_dl_dst_substitute().
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))")


def has_token(text: str) -> bool:
    """Return whether *text* holds a token that the loader expands."""
    return _TOKEN.search(text) is not None


def needs(text: str, token: str) -> bool:
    """Return whether *text* holds $*token*."""
    return any(token in (match[1], match[2]) for match in _TOKEN.finditer(text))


def begins_with_origin(text: str) -> bool:
    """Return whether $ORIGIN is the first part of the path *text*, and stands nowhere else."""
    first, *rest = text.split("/")
    return first in ("$ORIGIN", "${ORIGIN}") and not needs("/".join(rest), "ORIGIN")


def expand(text: str, values: Mapping[str, str | None]) -> str | None:
    """
    Return *text* with its tokens expanded; an unknown ``$x`` stays as it is.

    None where a token has no value: the loader then drops the element.
    """
    found = {match[1] or match[2] for match in _TOKEN.finditer(text)}
    if any(values[token] is None for token in found):
        return None
    return _TOKEN.sub(lambda match: values[match[1] or match[2]] or "", text)


def lib_token(system_dirs: tuple[str, ...]) -> str:
    """
    Return what $LIB means to a loader with these system directories.

    The token and the first system directory come from the same configure
    value, libc_cv_slibdir: "/lib64/" gives "lib64", "/usr/lib/" gives "lib",
    Debian's "/lib/x86_64-linux-gnu/" gives "lib/x86_64-linux-gnu".
    """
    first = system_dirs[0] if system_dirs else "/lib/"
    inside = re.sub(r"^/usr(?=/)", "", first).strip("/")
    return inside if inside.startswith("lib") else inside.rpartition("/")[2]
