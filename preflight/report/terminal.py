"""
Text for eyes: rich renders to a string, and nothing from a binary or a host is obeyed.

Every foreign text goes through `shown`.  rich's markup, emoji codes and
highlighting are off, and it neither reads the environment nor asks the
terminal: a `View` says all.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from preflight.model.text import printable
from preflight.report.view import View

_TRAILING = re.compile(r" (?: |\x1b\[[0-9;]*m)*$", re.MULTILINE)
MIN_WIDTH = 20  # columns; narrower than this nothing can be laid out


class _Page(io.StringIO):
    encoding = "utf-8"


class _AsciiPage(io.StringIO):
    encoding = "ascii"  # rich draws trees with ASCII for it


def render(parts: Iterable[RenderableType], view: View) -> str:
    """Return *parts* as lines, without trailing blanks."""
    page = _Page() if view.unicode else _AsciiPage()
    console = Console(
        file=page,
        width=max(view.width, MIN_WIDTH),
        height=25,
        color_system="standard" if view.color else None,
        force_terminal=view.color,
        force_jupyter=False,
        force_interactive=False,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )
    for part in parts:
        console.print(part)
    text = _TRAILING.sub(lambda blanks: blanks[0].replace(" ", ""), page.getvalue())
    return text if view.unicode else text.encode("ascii", "backslashreplace").decode()


def shown(text: str, style: str = "") -> Text:
    """Return foreign *text*, made harmless; it folds where it is longer than its line."""
    return Text(printable(text), style=style, overflow="fold")


def columns(*titles: str, right: Sequence[str] = ()) -> Table:
    """Return an empty table without lines; the columns in *right* hold numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in titles:
        table.add_column(title, overflow="fold", justify="right" if title in right else "left")
    return table


def labelled(rows: Iterable[tuple[str, Text]], indent: int) -> Padding:
    """Return label and text side by side, the text with a hanging indent."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(Text(label), text)
    return Padding(grid, (0, 0, 0, indent))


def count(number: int, noun: str) -> str:
    """Return ``1 host``, ``2 hosts``, ``2 binaries``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
