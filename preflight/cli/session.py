"""What check and probe have in common: from the values of options to hosts, starts and settings."""

from __future__ import annotations

import os
import posixpath
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from preflight.analyze import analyze
from preflight.api import Limits, Options
from preflight.cli import defaults
from preflight.cli.shards import Shard
from preflight.cli.voice import advise, note, warn
from preflight.errors import UsageError
from preflight.inventory import Inventory, discover, file_of, load, resolve_start, with_default
from preflight.inventory.sources import VARIABLE
from preflight.model.host import Host
from preflight.model.requirements import Requirements
from preflight.model.start import Opener, Start
from preflight.transport import Options as ConnectOptions

if TYPE_CHECKING:
    from preflight.cli.options.fleet import FleetOptions
    from preflight.cli.options.inventory import InventoryOptions
    from preflight.cli.options.start import StartOptions

# A host's libraries may come to more than all that one program could ask for.
_SURVEY = Limits(objects=32768, received_bytes=4 << 30)
_NOBODYS = Start()
LOCAL = Host(name="localhost", transport="local")


def the_inventory(sources: Sequence[str]) -> Inventory:
    """
    Return the inventory that the options name, or else the one that `discover` finds.

    What of it is not honoured is said.  Only a source that the caller named may
    have programs run: neither a file that lies there nor a project's own.
    """
    named = bool(sources or os.environ.get(VARIABLE))
    inventory = load(list(sources) or _discovered(), stdin=sys.stdin, may_run=named)
    for remark in inventory.remarks:
        warn(remark)
    return inventory


def names_of(sources: Sequence[str]) -> list[str]:
    """Return the hosts and groups of the inventory; standard input is left alone."""
    inventory = load([s for s in sources if s != "-"] or _discovered(), may_run=False)
    return [*inventory.groups, *(host.name for host in inventory.hosts)]


def _discovered() -> list[str]:
    return discover(os.environ, Path(), project=defaults.inventory())


def chosen_hosts(values: InventoryOptions, *, local: bool) -> tuple[Host, ...]:
    """
    Return the hosts that the options name; an empty choice is an error.

    A shard alone may have none of what was chosen.
    """
    sources, limits = values["inventories"], values["limits"]
    if not local:
        return _part(the_inventory(sources).select(limits), shard_of(values))
    if values["shard"]:
        raise UsageError("--shard chooses from an inventory, and --local has none", "leave it out")
    if sources:
        raise UsageError("--local and -i exclude each other", "give one of them")
    if limits:
        raise UsageError("-l chooses from an inventory, and --local has none", "leave -l out")
    return (LOCAL,)


def shard_of(values: InventoryOptions) -> Shard | None:
    """Return the part of the hosts that is asked for, None for all of them."""
    return None if values["shard"] is None else Shard.parse(values["shard"], os.environ)


def _part(hosts: tuple[Host, ...], shard: Shard | None) -> tuple[Host, ...]:
    if shard is None:
        return hosts
    part = shard.select(hosts)
    if not part:
        note(f"shard {shard} has none of the {len(hosts):,} hosts")
    return part


def files_read(values: FleetOptions) -> list[str | None]:
    """Return the files that options name, to be read; some may not be there."""
    sources = list(values["inventories"])
    if not (sources or values["local"]):
        with suppress(UsageError):
            sources = _discovered()
    given = values.get("loaded_by")  # not every command has it
    opener = given and _opener_parts(given)[0]
    ssh = values["ssh_config"] if values["ssh_config"] != "none" else None
    return [*map(file_of, sources), opener, values["key"], values["known_hosts"], ssh]


def start_of(values: StartOptions, *, local: bool) -> Start:
    """
    Return the start that the command line describes.

    Raises `UsageError` for a path that means nothing on a host; with --local
    the working directory may be relative to that of this process.
    """
    cwd = values["cwd"]
    return Start(
        install_path=_host_path("--install-path", values["install_path"]),
        cwd=posixpath.abspath(cwd) if local and cwd else _host_path("--cwd", cwd),
        env=tuple(map(_variable, values["environment"])),
        run_as=values["run_as"],
        loaded_by=_opener(values["loaded_by"]),
    )


def starts(
    override: Start, requirements: Sequence[Requirements], *, local: bool, default: Start = _NOBODYS
) -> Callable[[Host, Requirements], Start]:
    """
    Return how each binary starts on each host; *default* counts where nobody says more.

    With --local a binary, and what loads it, is judged where it lies, unless a path is given.
    """
    if local:
        _advise_of_environment(override)
    opener = override.loaded_by
    if local and opener is not None and opener.install_path is None:
        path = posixpath.abspath(opener.requirements.path)
        opener = structs.replace(opener, install_path=path, in_place=True)
    override = structs.replace(override, loaded_by=opener)
    in_place = local and override.install_path is None and default.install_path is None
    programs = [one for one in requirements if one.format != "manifest"]
    several = sum(one.member_of is None for one in programs) > 1 and not in_place

    def start(host: Host, needed: Requirements) -> Start:
        """Return how *needed* starts on *host*."""
        chosen = override
        if in_place:
            archive = needed.bundle is not None and needed.format != "directory"
            path = None if archive else posixpath.abspath(needed.path)
            chosen = structs.replace(override, install_path=path)
        bundled = needed.bundle is not None and not needed.bundle.temporary
        host = with_default(host, default)
        if needed.format == "manifest":
            return _without_program(host, override)
        resolved = resolve_start(
            host,
            binary_name="" if bundled else needed.name,
            several=(several or bundled) and not in_place,
            override=chosen,
        )
        return structs.replace(resolved, in_place=in_place)

    return start


def _without_program(host: Host, override: Start) -> Start:
    """Return how something starts that has no file of its own."""
    start = resolve_start(host, binary_name="", several=True, override=override)
    return structs.replace(start, install_path=None, argv0=None, loaded_by=None)


def options_of(values: FleetOptions, *, everything: bool = False) -> Options:
    """Return how the fleet is asked."""
    return Options(
        forks=values["forks"],
        timeout_s=values["timeout"],
        deadline_s=values["deadline"],
        retries=values["retries"],
        rate=values["rate"],
        processes=values["processes"],
        store=None if values["no_cache"] else _store(values),
        store_bytes=values["cache_size"],
        everything=everything,
        package_managers=not values["no_package_manager"],
        limits=structs.replace(
            _SURVEY if everything else Limits(), silence_s=values["answer_timeout"]
        ),
        connect=ConnectOptions(
            connect_timeout_s=values["connect_timeout"],
            user=values["user"],
            identity_file=values["key"],
            known_hosts=values["known_hosts"],
            host_keys=values["host_key_checking"],
            transport=values["transport"],
            gateway_logins=values["per_gateway"],
            ssh_config=values["ssh_config"],
            ssh_options=values["ssh_options"],
            jump=values["jump"],
            become=values["become"],
            become_user=values["become_user"],
        ),
    )


def refuse_with_executor(values: FleetOptions, *others: str) -> None:
    """Raise `UsageError` where one of *others*, which were given, cannot be with --executor."""
    secrets = {
        "--ask-pass": values["ask_pass"],
        "--password-fd": values["password_fd"] is not None,
        "--password-command": values["password_command"] is not None,
        "--ask-become-pass": values["ask_become_pass"],
        "--become-password-fd": values["become_password_fd"] is not None,
        "--become-password-command": values["become_password_command"] is not None,
    }
    given = [option for option, there in secrets.items() if there]
    for other in ("--local",) * values["local"] + (*others, *given):
        if values["executor"]:
            hint = "its workers use their own keys" if other in secrets else "leave one of them out"
            raise UsageError(f"{other} and --executor exclude each other", hint)


def _store(values: FleetOptions) -> Path:
    # The workers of an executor expand it, each to its own.
    return Path("~/.cache/preflight") if values["executor"] else cache_directory()


def cache_directory() -> Path:
    """Return the library store's directory (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # A relative one is invalid and to be ignored, says the specification.
    return Path(base if base.startswith("/") else os.path.expanduser("~/.cache")) / "preflight"  # noqa: PTH111


def _opener(value: str | None) -> Opener | None:
    """Return the program of ``--loaded-by PROGRAM[=PATH]``; one that is static opens nothing."""
    if value is None:
        return None
    program, path = _opener_parts(value)
    requirements = analyze(program, id="loaded-by")
    if requirements.elf is None or requirements.elf.interpreter is None:
        reason = f"--loaded-by {program}: {requirements.description}, which opens no libraries"
        raise UsageError(reason, "give the program that calls dlopen, such as /usr/bin/python3")
    return Opener(requirements=requirements, install_path=path or None)


def _opener_parts(value: str) -> tuple[str, str]:
    """Return PROGRAM and PATH of ``--loaded-by``, the latter "" where it is not given."""
    program, equals, path = value.rpartition("=")
    return (program, path) if equals and path.startswith("/") else (value, "")


def _advise_of_environment(start: Start) -> None:
    """Say where this shell's environment would have mattered, which is not the program's."""
    for name in ("LD_LIBRARY_PATH", "LD_PRELOAD"):
        if (value := os.environ.get(name)) and name not in dict(start.env):
            option = f"--env {shlex.quote(f'{name}={value}')}"
            advise(f"the environment of this shell is not the program's; {option}")


def _host_path(option: str, path: str | None) -> str | None:
    if path is not None and not path.startswith("/"):
        reason = f"{option} {path!r} is not absolute"
        raise UsageError(reason, "write the path on the host, from '/' on")
    return path


def _variable(assignment: str) -> tuple[str, str]:
    name, equals, value = assignment.partition("=")
    if not name or not equals:
        raise UsageError(f"--env {assignment}: no NAME=", "--env LD_LIBRARY_PATH=/opt/app/lib")
    return name, value
