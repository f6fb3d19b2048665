"""What turns the text of an option into its value, or says what is wrong with it."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click


def number(kind: type[int | float], lowest: float, highest: float) -> Callable[[Any], float]:
    """Return what takes a number from *lowest* to *highest*; NaN is none."""

    def convert(value: Any) -> float:
        given: float = math.nan
        with suppress(ValueError):
            given = kind(value)
        if not lowest <= given <= highest:
            raise click.BadParameter(f"{value!r} is not a number from {lowest:g} to {highest:g}")
        return given

    return convert


def size(value: Any) -> int:
    """Return the bytes that ``500M`` or ``2G`` stands for, in powers of 1024."""
    found = re.fullmatch(r"([0-9]{1,15})([KMGT]?)", str(value).upper().removesuffix("B"))
    if found is None:
        raise click.BadParameter(f"{value!r} is no size such as 500M or 2G")
    return int(found[1]) << 10 * " KMGT".index(found[2] or " ")


def user_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return *value* where it can name a user; a password is not shown."""
    if value is None:
        return None
    if ":" in value:
        raise click.BadParameter("what follows the colon looks like a password", ctx, param)
    if not value or re.search(r"\s", value):
        raise click.BadParameter(f"{value!r} is no user name", ctx, param)
    return value


def readable(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return *value* from the root where it can be read: better known before any host is asked."""
    if ctx.params.get("executor"):
        return value  # a file of the workers
    path = expand(value)
    if path is None:
        return None
    # Not opened: what a pipe gives it gives once.
    if os.path.isdir(path):  # noqa: PTH112  (Path raises where it may not look)
        raise click.BadParameter(f"{value!r} is a directory", ctx, param)
    if not os.access(path, os.R_OK):
        reason = "may not be read" if os.path.lexists(path) else "no such file"
        raise click.BadParameter(f"{value!r}: {reason}", ctx, param)
    return path


def expand(path: str | None) -> str | None:
    """Return *path* from the root, with ``~`` expanded."""
    if path is None:
        return None
    # Path.expanduser raises for an unknown user.
    return str(Path(os.path.expanduser(path)).absolute())  # noqa: PTH111
