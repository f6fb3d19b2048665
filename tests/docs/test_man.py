"""The manual page preflight(1)."""

from __future__ import annotations

import subprocess

import click
import pytest

from docs.make_man import PAGE, man_page
from preflight.cli import cli
from tests.docs.conftest import need


def test_the_page_is_that_of_the_commands():
    """docs/preflight.1 is what `make docs` writes today."""
    assert man_page() == PAGE.read_text("utf-8")


def test_every_command_and_option_is_in_it():
    """Read as a terminal shows it, nothing is lost in the markup."""
    text = _shown()

    with cli.make_context("preflight", [], resilient_parsing=True) as context:
        for name in cli.list_commands(context):
            assert f"\n   preflight {name}\n" in text
            command = cli.get_command(context, name)
            options = [p for p in command.get_params(context) if isinstance(p, click.Option)]
            assert [] == [p.opts[-1] for p in options if f"{p.opts[-1]}" not in text]


def test_exit_statuses_are_in_it():
    """A script's author finds them without the network."""
    text = _shown()

    assert "\n       3      none" in text
    assert "\n       141    nobody" in text


@pytest.mark.parametrize(
    "command",
    [["groff", "-man", "-Tutf8", "-ww", "-z"], ["man", "--warnings", "-l"]],
    ids=lambda command: command[0],
)
def test_formatters_have_nothing_to_say(command):
    """Neither a warning nor an error comes from the page."""
    need(command[0])
    done = subprocess.run([*command, PAGE], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


def _shown() -> str:
    """Return the page as plain text, wide enough for any option."""
    need("groff")
    plain = ["groff", "-man", "-Tascii", "-P-cbou", "-rLL=200n", PAGE]
    return subprocess.run(plain, capture_output=True, text=True, check=True).stdout
