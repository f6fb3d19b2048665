"""Writes every command's ``--help`` into docs/commands.md, where a test compares it."""

from __future__ import annotations

import re
from pathlib import Path

import click

from preflight.cli import cli

PAGE = Path(__file__).with_name("commands.md")
WIDTH = 78  # what click takes of a terminal that has 80 columns or more
_BLOCK = re.compile(r"^\$ preflight((?: \w+)*) --help\n.*?(?=^```$)", re.MULTILINE | re.DOTALL)


def with_help(page: str) -> str:
    """Return *page* with what the commands say of themselves today."""
    return _BLOCK.sub(lambda block: _help(block[1].split()), page)


def _help(names: list[str]) -> str:
    width = {"terminal_width": WIDTH, "resilient_parsing": True}
    context = cli.make_context("preflight", [], **width)
    for name in names:
        group = context.command
        command = group.get_command(context, name) if isinstance(group, click.Group) else None
        if command is None:
            raise SystemExit(f"{PAGE}: there is no command {' '.join(names)}")
        context = command.make_context(name, [], context, **width)
    return f"$ {context.command_path} --help\n{context.get_help()}\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(with_help(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
