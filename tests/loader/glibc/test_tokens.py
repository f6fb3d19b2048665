"""Dynamic string tokens.  Source: ld.so(8)."""

from __future__ import annotations

import pytest

from preflight.loader.glibc.tokens import expand, has_token, lib_token, needs

VALUES = {"ORIGIN": "/opt/bin", "LIB": "lib64", "PLATFORM": None}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$ORIGIN/../lib", "/opt/bin/../lib"),
        ("${ORIGIN}/x", "/opt/bin/x"),
        ("/usr/$LIB/a$ORIGIN", "/usr/lib64/a/opt/bin"),
        ("$ORIGINAL/x", "$ORIGINAL/x"),
        ("${ORIGIN", "${ORIGIN"),
        ("$HOME/x", "$HOME/x"),
        ("/plain", "/plain"),
    ],
)
def test_tokens_are_expanded_and_others_stay(text, expanded):
    """Only whole tokens are expanded, with or without braces."""
    assert expanded == expand(text, VALUES)


def test_token_without_a_value_voids_the_text():
    """What the loader cannot expand, it drops as a whole."""
    assert expand("/opt/$PLATFORM/x", VALUES) is None


def test_tokens_are_told_from_text():
    """A dollar sign alone is no token."""
    assert has_token("/a/${LIB}")
    assert not has_token("/a/$LIBRARY")


def test_token_is_needed_only_where_it_stands():
    """$ORIGIN in a text does not mean that $PLATFORM is needed."""
    assert needs("$ORIGIN/x", "ORIGIN")
    assert not needs("$ORIGIN/x", "PLATFORM")


@pytest.mark.parametrize(
    ("directory", "token"),
    [
        ("/lib64/", "lib64"),
        ("/usr/lib64/", "lib64"),
        ("/lib/x86_64-linux-gnu/", "lib/x86_64-linux-gnu"),
        ("/usr/lib/", "lib"),
    ],
)
def test_lib_is_the_loaders_own_directory(directory, token):
    """$LIB follows from the first system directory."""
    assert token == lib_token((directory, "/other/"))
