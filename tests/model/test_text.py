"""Text is lossless inside, unambiguous in JSON and harmless when shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from preflight.model import text


@given(st.binary())
@example(b"\\x41\xff\\\\")
@example("é\\".encode())
def test_any_bytes_come_back(raw):
    """What was decoded encodes to the same bytes, directly and through JSON."""
    inside = text.decode(raw)

    assert text.encode(inside) == raw
    assert text.encode(text.from_json(text.to_json(inside))) == raw


@given(st.binary())
def test_json_text_is_valid_unicode(raw):
    """What goes into JSON can be encoded as UTF-8."""
    json = text.to_json(text.decode(raw))

    assert json.encode().decode() == json


@given(st.binary(), st.binary())
def test_different_bytes_differ_in_json(one, other):
    """No two names look the same in JSON."""
    same = text.to_json(text.decode(one)) == text.to_json(text.decode(other))

    assert same == (one == other)


@pytest.mark.parametrize(
    ("raw", "json"),
    [(b"libc.so.6", "libc.so.6"), (b"a\\b", r"a\\b"), (b"a\xffb", r"a\xffb"), (rb"\xff", r"\\xff")],
)
def test_how_odd_text_stands_in_json(raw, json):
    """A backslash is doubled and an undecodable byte stands as its number."""
    assert text.to_json(text.decode(raw)) == json


@given(st.text() | st.binary().map(text.decode))
def test_shown_text_stays_on_its_line(inside):
    """Nothing that is shown moves the cursor, hides or reorders text."""
    shown = text.printable(inside)

    assert all(unicodedata.category(char)[0] in "LMNPS" or char == " " for char in shown)
    assert len(shown.splitlines()) <= 1


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        ("/lib/libx.so", "/lib/libx.so"),
        ("naïve 名", "naïve 名"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b2J", r"\x9b2J"),
        ("a\u202eb", r"a\u202eb"),
        ("\U000e0041", r"\U000e0041"),
        ("\udcff", r"\xff"),
        ("a\\b", "a\\b"),
    ],
)
def test_how_odd_text_is_shown(inside, shown):
    """Control and format characters are shown as escapes, letters as they are."""
    assert text.printable(inside) == shown
