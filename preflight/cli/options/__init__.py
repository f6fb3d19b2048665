"""
Options that several commands share, and the types of their values: one file a group of them.

Each option also reads ``PREFLIGHT_`` and its long name from the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

PREFIX = "PREFLIGHT_"
F = TypeVar("F", bound=Callable[..., Any])


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """Return `click.option` with the environment variable of its long name."""
    settings.setdefault("envvar", variable_of(names))
    return click.option(*names, **settings)


def variable_of(names: Iterable[str]) -> str:
    """Return the environment variable of an option with these *names*, by its long one."""
    long = next(name for name in names if name.startswith("--"))
    return PREFIX + long.strip("-").upper().replace("-", "_")


def format_option(*forms: str, about: str) -> Callable[[F], F]:
    """Return ``--format`` of a command that writes one thing; the first form is the default."""
    return option(
        "--format",
        "format_",
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        help=about,
    )


def several(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Return the decorators as one, in the order in which --help lists them."""

    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply
