"""Every command line of the manual is one that the program of today accepts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest

from preflight.cli import cli
from tests.docs.blocks import PAGES, PROJECT, blocks

_LINE = re.compile(r"^(?:\$ |\s*(?:- )?(?:run: )?)(preflight [a-z].*)$", re.MULTILINE)
# In prose, where a command may stand without its arguments.
_INLINE = re.compile(r"`(preflight [a-z][^`]* [^`]+)`")
# Of a line: where the shell goes on, and what stands beside it for people.
_END = re.compile(r"  +| [|>] | *\|$| # | …$| *\\$")
_CHOICE = re.compile(r"\[([^\]|\s]+)\|[^\]]*\]|\[(-[^\]]*)\]")


def in_blocks() -> Iterator[object]:
    """Yield the command lines of all blocks, named by the place where they stand."""
    for page in PAGES:
        for block in blocks(page):
            yield from _found(_LINE, block.page, block.text, block.line)


def in_prose() -> Iterator[object]:
    """Yield the commands that stand within a sentence, named like that."""
    for page in PAGES:
        yield from _found(_INLINE, page, page.read_text("utf-8"), 1)


def _found(pattern: re.Pattern[str], page: Path, text: str, first: int) -> Iterator[object]:
    for found in pattern.finditer(text):
        line = first + text.count("\n", 0, found.start(1))
        yield pytest.param(found[1], id=f"{page.relative_to(PROJECT)}:{line}")


def words(line: str) -> list[str]:
    """Return the words of a line without what a shell does with it; of [a|b] the first."""
    own = _END.split(line, maxsplit=1)[0]
    return shlex.split(_CHOICE.sub(lambda found: found[1] or found[2], own))[1:]


@pytest.mark.parametrize("line", [*in_blocks()])
def test_a_command_line_is_accepted(line):
    """The command is one of ours, and takes the options and arguments as they stand there."""
    accept(line)


@pytest.mark.parametrize("line", [*in_prose()])
def test_a_command_in_prose_is_accepted(line):
    """What it names is there, though it need not be all that is wanted."""
    with suppress(click.MissingParameter, click.BadOptionUsage):
        accept(line)


def accept(line: str) -> None:
    """Have the command's own parser read *line*; raises click's error where it does not."""
    name, *arguments = words(line)
    with cli.make_context("preflight", [], resilient_parsing=True) as context:
        command = cli.get_command(context, name)
        assert command is not None
        with suppress(click.exceptions.Exit):  # after --help
            command.make_context(name, arguments, context).close()
