r"""
Text from binaries and hosts: lossless inside, unambiguous in JSON, harmless when shown.

Inside, a name is a `str` decoded as UTF-8 with ``surrogateescape`` (PEP 383),
so that `encode(decode(raw)) == raw` for any bytes.  In JSON a backslash is
doubled and a byte that is not UTF-8 stands as ``\xNN``.  On a terminal,
whatever could move the cursor or reorder the line is escaped.
"""

from __future__ import annotations

import re
import unicodedata

_ESCAPED = re.compile(r"\\(?:\\|x([0-9a-f]{2}))")
_TO_ESCAPE = re.compile(r"[\\\ud800-\udfff]")


def decode(raw: bytes) -> str:
    """Return *raw* as text that `encode` turns back into the same bytes."""
    return raw.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes that *text* was decoded from."""
    return text.encode("utf-8", "surrogateescape")


def to_json(text: str) -> str:
    r"""Return *text* with ``\`` doubled and undecodable bytes as ``\xNN``: valid Unicode."""
    return _TO_ESCAPE.sub(_escape, text)


def from_json(text: str) -> str:
    """Return the text that `to_json` was given."""
    return _ESCAPED.sub(_unescape, text) if "\\" in text else text


def printable(text: str) -> str:
    r"""
    Return *text* on one line, with control, format and undecodable characters escaped.

    Bidirectional controls and C1 codes count as control characters: a terminal
    or a reader may obey them.  A backslash stays single: this is for eyes.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(ch if _harmless(ch) else _visible(ch) for ch in text)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return "\\\\" if char == "\\" else _visible(char)


def _unescape(match: re.Match[str]) -> str:
    return "\\" if match[1] is None else chr(0xDC00 + int(match[1], 16))


def _harmless(char: str) -> bool:
    return char == " " or unicodedata.category(char)[0] in "LMNPS"


def _visible(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # one undecodable byte, by PEP 383
        return f"\\x{code - 0xDC00:02x}"
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if code > 0xFF:
        return named.get(char, f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}")
    return named.get(char, f"\\x{code:02x}")
