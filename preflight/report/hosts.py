"""
What ``preflight hosts`` shows: the targets as the inventory resolves them.

Where the lines are too long for the view, columns are left out, the least
asked for first; name and address always stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from preflight.model.host import Host
from preflight.model.text import printable
from preflight.report.terminal import columns, render
from preflight.report.view import View

_UNSET = "ssh default"
_DIM = {_UNSET, "-"}
_TITLES = ("name", "address", "port", "user", "jump", "groups", "transport")
_TO_DROP = ("transport", "groups", "jump", "user", "port")
_GAP = 2  # columns between two cells
_LAID_OUT = 200  # hosts; rich takes 0.4 ms a row

_Columns = dict[str, tuple[str, ...]]  # by title, which is also the first cell


def hosts_table(hosts: Sequence[Host], view: View) -> Iterator[str]:
    """Yield one row for each host; what the inventory leaves open is "ssh default"."""
    shown = {column[0]: column for column in zip(_TITLES, *map(_row, hosts), strict=True)}
    widths = _fit(shown, view.width)
    rows = zip(*(shown[title] for title in widths), strict=True)
    if len(hosts) > _LAID_OUT:
        yield from _aligned(rows, tuple(widths.values()), view)
    else:
        yield _laid_out(rows, view)


def _row(host: Host) -> tuple[str, ...]:
    return (
        printable(host.name),
        printable(host.target),
        _UNSET if host.port is None else str(host.port),
        _UNSET if host.user is None else printable(host.user),
        printable(_jump(host)),
        printable(", ".join(host.groups)),
        host.transport or "ssh",
    )


def _jump(host: Host) -> str:
    if host.gateway:
        return host.gateway.name
    named = (option.partition("=") for option in host.ssh_options)
    return next((value for key, _, value in named if key.lower() == "proxyjump"), "-")


def _fit(shown: _Columns, limit: int) -> dict[str, int]:
    """Return the columns there is room for, by title, with their widths."""
    widths = {title: max(map(cell_len, column)) for title, column in shown.items()}
    for title in _TO_DROP:
        if sum(widths.values()) + _GAP * (len(widths) - 1) <= limit:
            break
        del widths[title]
    return widths


def _laid_out(rows: Iterable[tuple[str, ...]], view: View) -> str:
    table = columns(*next(iter(rows)))
    for row in rows:
        table.add_row(*(Text(cell, "dim" if cell in _DIM else "", overflow="fold") for cell in row))
    return render([table], view)


def _aligned(rows: Iterable[tuple[str, ...]], widths: tuple[int, ...], view: View) -> Iterator[str]:
    """Yield plain lines; what is wider than the view is the terminal's to fold."""
    for row in rows:
        cells = (
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        )
        line = (" " * _GAP).join(cells).rstrip() + "\n"
        yield line if view.unicode else line.encode("ascii", "backslashreplace").decode()
