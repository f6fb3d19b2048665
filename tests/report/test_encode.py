"""JSON that a terminal cannot be moved by, and that reads back as it was."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from preflight.report.encode import encode


def test_characters_that_a_terminal_obeys_are_escaped():
    """C1 and bidirectional controls are legal in JSON and stand as escapes all the same."""
    assert (
        encode("\x1b \x9b \u202e \x7f é \U000e0001")
        == r'"\u001b \u009b \u202e \u007f é \udb40\udc01"'
    )


def test_keys_keep_their_order():
    """A reader finds the id first, not the abi_note."""
    assert encode({"b": 1, "a": 2}) == '{"b":1,"a":2}'


@given(st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=5))
def test_any_text_reads_back(value: object):
    """Escaping changes how a text is written, not what it is."""
    assert value == json.loads(encode(value, 2))
