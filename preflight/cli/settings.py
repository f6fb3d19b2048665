"""Settings in the environment: which of them no command knows, but looks like one that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import click

from preflight.cli.options import PREFIX, variable_of

_ALIKE = 0.8  # of difflib: two letters of five in each other's place


def mistyped(
    environ: Iterable[str], own: click.Command, every: Callable[[], Mapping[str, click.Command]]
) -> Iterator[tuple[str, str]]:
    """
    Yield each variable of *environ* that is no setting, and the setting that it looks like.

    *every* command is asked for only where *own*, the one that runs, knows not all of them.
    """
    unknown = {name for name in environ if name.startswith(PREFIX)} - set(_variables(own))
    if not unknown:
        return
    import difflib  # noqa: PLC0415

    known = {name for command in every().values() for name in _variables(command)}
    shorts = [name.removeprefix(PREFIX) for name in known]
    for name in sorted(unknown - known):
        for near in difflib.get_close_matches(name.removeprefix(PREFIX), shorts, 1, _ALIKE):
            yield name, PREFIX + near


def _variables(command: click.Command) -> Iterator[str]:
    """Yield what the options of *command* are set by; its inventory is read elsewhere."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield str(parameter.envvar or variable_of(parameter.opts))
