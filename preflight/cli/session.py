"""What check and probe have in common: options to values, and the run with its progress."""

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from preflight.analyze import analyze
from preflight.api import Options
from preflight.cli.options import expand
from preflight.errors import UsageError
from preflight.inventory import discover, load, resolve_start
from preflight.model.host import Host
from preflight.model.requirements import Requirements
from preflight.model.start import Start
from preflight.transport import Options as ConnectOptions

LOCAL = "localhost"


def chosen_hosts(inventories: Sequence[str], limits: Sequence[str]) -> tuple[Host, ...]:
    """Return the hosts that the options name; an empty choice is an error."""
    sources = list(inventories) or discover(os.environ, Path.cwd())
    return load(sources, stdin=sys.stdin).select(limits)


def local_host() -> Host:
    """Return this machine itself as a host."""
    return Host(name=LOCAL, transport="local")


def analyzed(binaries: Sequence[str]) -> tuple[Requirements, ...]:
    """Return what each binary needs, with the report's ids b1, b2, …"""
    return tuple(analyze(path, id=f"b{n}") for n, path in enumerate(binaries, 1))


def start_of(values: dict[str, Any]) -> Start:
    """Return the start that the command line describes."""
    pairs = []
    for assignment in values["environment"]:
        name, equals, value = assignment.partition("=")
        if not name or not equals:
            raise UsageError(f"--env {assignment}: no '='", "--env LD_LIBRARY_PATH=/opt/app/lib")
        pairs.append((name, value))
    return Start(
        install_path=values["install_path"],
        cwd=values["cwd"],
        env=tuple(pairs),
        run_as=values["run_as"],
    )


def starts(
    override: Start, requirements: Sequence[Requirements], *, local: bool
) -> Callable[[Host, Requirements], Start]:
    """
    Return how each binary starts on each host.

    With --local a binary is judged where it lies, unless an install path is given.
    """
    in_place = local and override.install_path is None
    several = len(requirements) > 1 and not in_place

    def start(host: Host, needed: Requirements) -> Start:
        chosen = _at(override, posixpath.abspath(needed.path)) if in_place else override
        return resolve_start(host, binary_name=needed.name, several=several, override=chosen)

    return start


def options_of(values: dict[str, Any], *, everything: bool = False) -> Options:
    """Return how the fleet is asked."""
    return Options(
        forks=values["forks"],
        timeout_s=values["timeout"],
        store=None if values["no_cache"] else cache_directory(),
        everything=everything,
        connect=ConnectOptions(
            connect_timeout_s=values["connect_timeout"],
            user=values["user"],
            identity_file=expand(values["key"]),
            known_hosts=expand(values["known_hosts"]),
        ),
    )


def cache_directory() -> Path:
    """Return the library store's directory (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "preflight"


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """
    Yield a function to call with each finished host's status.

    A bar on a terminal, after a moment; nothing in a pipe.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or total < 2:
        yield lambda _: None
        return
    from rich import progress as rich_progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    columns = (
        rich_progress.TextColumn("asking hosts"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TextColumn("{task.fields[bad]}"),
        rich_progress.TimeElapsedColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("hosts", total=total, bad="")
        failed = 0

        def advance(status: str) -> None:
            nonlocal failed
            failed += status != "probed"
            bar.update(task, advance=1, bad=f"{failed} not reached" if failed else "")

        yield advance


def _at(start: Start, path: str) -> Start:
    from msgspec import structs  # noqa: PLC0415

    return structs.replace(start, install_path=path)
