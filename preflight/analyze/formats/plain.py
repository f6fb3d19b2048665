"""Empty files and text."""

from __future__ import annotations

import codecs
import re

from preflight.analyze.formats.found import Found, Sample

# What a text does not hold: control characters, without BEL BS TAB LF FF CR ESC.
_CONTROL = re.compile(r"[\x00-\x06\x0b\x0e-\x1a\x1c-\x1f\x7f]")
# Text that stands where somebody expected a binary.
_PAGE = "an HTML page, as a failed download leaves it"
_KNOWN = (
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the file itself"),
    (b"/* GNU ld script", "a linker script for ld(1), not a library"),
    (b"<!DOCTYPE html", _PAGE),
    (b"<html", _PAGE),
)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def detect_empty(sample: Sample) -> Found | None:
    """Recognise a file without bytes."""
    return None if sample.size_bytes else Found("empty", "an empty file")


def detect_text(sample: Sample) -> Found | None:
    """Recognise text in UTF-8 (or ASCII) and in UTF-16 with its mark."""
    for start, sentence in _KNOWN:
        if sample.head.lower().startswith(start.lower()):
            return Found("text", sentence)
    if sample.head.startswith(_UTF_16):
        return Found("text", "a text in UTF-16")
    return Found("text", "a text") if _is_text(sample.head) else None


def _is_text(head: bytes) -> bool:
    # An incremental decoder does not mind a character that the end of the sample cuts.
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        return not _CONTROL.search(decoder.decode(head))
    except UnicodeDecodeError:
        return False
