"""How requests are written."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.model import text
from preflight.probe.script import COMMAND, bootstrap, is_plain, refusal, word

PATHS = st.binary(max_size=60).map(lambda raw: b"/" + raw.replace(b"\0", b""))


@given(PATHS)
def test_word_holds_nothing_that_a_shell_looks_at(raw):
    """Any path becomes one word of harmless characters."""
    written = word(text.decode(raw))

    assert set(written) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+:,@%=~-\\"
    )
    assert is_plain(text.decode(raw)) == ("\\" not in written)


@pytest.mark.parametrize("raw", [b"/a\n", b"/\\0101", b"/$(x)'\"", b"/\xff1", b"/ 7"])
def test_printf_turns_a_word_back(raw):
    """The shell's own printf gives the bytes, digits after an escape included."""
    argv = ["sh", "-c", 'printf %b "$1"', "sh", word(text.decode(raw))]

    assert subprocess.run(argv, capture_output=True, check=True).stdout == raw


def test_script_is_plain_text_of_whole_lines():
    """ASCII, no carriage returns, no line that ends the collecting too early."""
    lines = bootstrap().split("\n")

    assert bootstrap().isascii()
    assert "\r" not in bootstrap()
    assert lines.count("#end") == 1
    assert lines[-2:] == ["#end", ""]
    assert "\n" not in COMMAND


def test_half_a_script_is_not_run():
    """A connection that ends while the script is sent leaves nothing running."""
    half = bootstrap()[: len(bootstrap()) // 2]

    argv = ["sh", "-c", COMMAND]
    done = subprocess.run(argv, input=half.encode(), capture_output=True, check=False)

    assert (done.stdout, done.returncode) == (b"", 1)


@pytest.mark.parametrize(
    ("path", "errno"),
    [
        ("relative", "EINVAL"),
        ("", "EINVAL"),
        ("/a\0b", "EINVAL"),
        ("/" + "x" * 4095, "ENAMETOOLONG"),
        ("/" + "x" * 4094, None),
        ("/é\udcff\n", None),
    ],
)
def test_some_paths_are_refused_without_asking(path, errno):
    """What no host could open is answered here."""
    assert refusal(path) == errno
