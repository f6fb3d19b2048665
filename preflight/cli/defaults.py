"""
Defaults of a project: ``preflight.toml`` or ``[tool.preflight]`` in the working directory.

An option beats the environment, and that beats the file.  A file comes with
whatever was checked out: it may not name a command to run or weaken how hosts
are known, and where others may write it is not read.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from preflight.cli.voice import warn
from preflight.errors import UsageError

FILES = ("preflight.toml", "pyproject.toml")
# Each could start a program here or on a cluster, or have another host pass for one's own.
_FORBIDDEN = frozenset(
    (
        "become-password-command",
        "become-password-fd",
        "executor",
        "host-key-checking",
        "password-command",
        "password-fd",
        "ssh-config",
        "ssh-option",
    )
)
_META = f"{__name__}.inventory"


def install(ctx: click.Context, name: str, commands: Mapping[str, click.Command]) -> None:
    """
    Give the command *name* under *ctx*, one of *commands*, the defaults of the file that is there.

    Raises `UsageError` for a file that cannot be read and for a key that is no
    option, or none that a file may set.
    """
    path = file()
    table = None if path is None else _table(path)
    if path is None or table is None or not _trusted(path):
        return
    known = {command: _options(found) for command, found in commands.items()}
    every = {key: option for options in known.values() for key, option in options.items()}
    common = {key: value for key, value in table.items() if not isinstance(value, dict)}
    for key in common:
        _check(path, key, every)
    for command, own in table.items():
        if command not in common:
            if command not in known:
                if command in every:
                    _value(path, command, own, every[command])
                raise UsageError(f"{path}: [{command}] is no command", _near(command, known))
            for key in own:
                _check(path, key, known[command])
    given = {**common, **table.get(name, {})}
    own = known[name]
    values = {
        str(own[key].name): _value(path, key, value, own[key])
        for key, value in given.items()
        if key in own
    }
    sources = values.pop("inventories", None)
    if sources is not None:
        ctx.meta[_META] = sources
    ctx.default_map = {name: values}


def file() -> Path | None:
    """Return the file that holds the defaults, None where there is none."""
    return next((path for path in map(Path, FILES) if path.is_file()), None)


def inventory() -> list[str]:
    """Return the sources that the file names; they count where neither -i nor the variable is."""
    context = click.get_current_context(silent=True)
    return [] if context is None else context.meta.get(_META, [])


def _table(file: Path) -> dict[str, Any] | None:
    import tomllib  # noqa: PLC0415

    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        if file.name == "pyproject.toml":
            return None  # not ours to judge
        raise UsageError(f"{file}: {problem}", "see https://toml.io") from None
    except OSError as problem:
        raise UsageError(f"{file}: {problem.strerror}", "make it readable") from None
    if file.name == "pyproject.toml":
        document = document.get("tool", {}).get("preflight")
    return document


def _trusted(file: Path) -> bool:
    """Return whether nobody else can have written *file*; says so where somebody can."""
    place = open_to_all(file)
    if place is not None:
        what = f"{place} is writable for everyone"
        warn(f"{file} is ignored: {what}", f"chmod o-w {place}, or give the options")
    return place is None


def open_to_all(file: Path) -> Path | None:
    """Return which of *file* and its directory everybody may write, None where nobody else may."""
    places = (file.absolute().parent, file)
    return next((place for place in places if place.stat().st_mode & stat.S_IWOTH), None)


def _options(command: click.Command) -> dict[str, click.Option]:
    """Return the options by their long names, without the dashes."""
    return {
        name.removeprefix("--"): parameter
        for parameter in command.params
        for name in parameter.opts
        if name.startswith("--") and isinstance(parameter, click.Option)
    }


def _value(file: Path, key: str, value: Any, option: click.Option) -> Any:
    """Return *value* in the form that *option* takes, never a table; click judges what it says."""
    example = f'"{option.make_metavar(click.get_current_context()).strip("[]")}"'
    if option.multiple:
        elements = value if isinstance(value, list) else [value]
        if not all(map(_is_plain, elements)):
            raise _wrong(file, key, "a text or a list of them", f"[{example}]")
        return elements
    if option.is_flag:
        if not isinstance(value, bool):
            raise _wrong(file, key, "true or false, without quotes", "true")
    elif option.count:
        if not _is_plain(value) or isinstance(value, str):
            raise _wrong(file, key, "a number, how often it is given", "1")
    elif not _is_plain(value):
        raise _wrong(file, key, "a text or a number", example)
    return value


def _is_plain(value: Any) -> bool:
    """Whether *value* is a text or a number, which TOML's booleans are not."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _wrong(file: Path, key: str, wanted: str, example: str) -> UsageError:
    return UsageError(f"{file}: {key} takes {wanted}", f"{key} = {example}")


def _check(file: Path, key: str, known: Collection[str]) -> None:
    if key in _FORBIDDEN:
        raise UsageError(
            f"{file}: {key} may not stand in a project's file",
            f"give --{key}, or set PREFLIGHT_{key.upper().replace('-', '_')}",
        )
    if key not in known:
        raise UsageError(f"{file}: {key} is no option", _near(key, known))


def _near(word: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415

    near = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {near[0]}?" if near else "keys are the long options: forks = 32"
