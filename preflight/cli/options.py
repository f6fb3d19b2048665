"""
Options that several commands share, and the types of their values.

Each option also reads ``PREFLIGHT_`` and its long name from the environment.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

if TYPE_CHECKING:
    from preflight.transport import HostKeys

F = TypeVar("F", bound=Callable[..., Any])
SHORTEST_S, LONGEST_S = 0.1, 86400.0


class InventoryOptions(TypedDict):
    """The values of `inventory_options`."""

    inventories: tuple[str, ...]
    limits: tuple[str, ...]
    shard: str | None


class ConnectionOptions(TypedDict):
    """The values of `connection_options`; times in seconds."""

    user: str | None
    key: str | None
    known_hosts: str | None
    ssh_config: str | None
    ssh_options: tuple[str, ...]
    jump: str | None
    host_key_checking: HostKeys
    transport: str | None
    per_gateway: int
    forks: int
    connect_timeout: float | None
    answer_timeout: float
    timeout: float
    deadline: float | None
    retries: int
    rate: float | None
    processes: int | None
    executor: str | None
    no_cache: bool
    cache_size: int


class ReportOptions(TypedDict):
    """The values of `report_options`."""

    formats: tuple[str, ...]
    explain: bool
    quiet: int
    verbose: int
    fail_on: str | None
    exit_zero: bool


class RunOptions(TypedDict):
    """The values of `run_options`."""

    resume: str | None
    rerun: str | None
    no_run_file: bool


class StartOptions(TypedDict):
    """The values of `start_options`."""

    install_path: str | None
    cwd: str | None
    environment: tuple[str, ...]
    run_as: str | None
    loaded_by: str | None


class CredentialOptions(InventoryOptions):
    """The values of `credential_options`, and whether an inventory takes standard input."""

    ask_pass: bool
    password_fd: int | None
    password_command: str | None
    become: bool
    become_user: str
    ask_become_pass: bool
    become_password_fd: int | None
    become_password_command: str | None
    no_input: bool


class FleetOptions(StartOptions, ConnectionOptions, CredentialOptions):
    """The values of all that check and probe have in common."""

    local: bool


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """Return `click.option` with the environment variable of its long name."""
    long = next(name for name in names if name.startswith("--"))
    variable = "PREFLIGHT_" + long.strip("-").upper().replace("-", "_")
    settings.setdefault("envvar", variable)
    return click.option(*names, **settings)


def several(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Return the decorators as one, in the order in which --help lists them."""

    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def _number(kind: type[int | float], lowest: float, highest: float) -> Callable[[Any], float]:
    """Return what takes a number from *lowest* to *highest*; NaN is none."""

    def convert(value: Any) -> float:
        number: float = math.nan
        with suppress(ValueError):
            number = kind(value)
        if not lowest <= number <= highest:
            raise click.BadParameter(f"{value!r} is not a number from {lowest:g} to {highest:g}")
        return number

    return convert


def size(value: Any) -> int:
    """Return the bytes that ``500M`` or ``2G`` stands for, in powers of 1024."""
    number = re.fullmatch(r"([0-9]{1,15})([KMGT]?)", str(value).upper().removesuffix("B"))
    if number is None:
        raise click.BadParameter(f"{value!r} is no size such as 500M or 2G")
    return int(number[1]) << 10 * " KMGT".index(number[2] or " ")


def _user(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return *value* where it can name a user; a password is not shown."""
    if value is None:
        return None
    if ":" in value:
        raise click.BadParameter("what follows the colon looks like a password", ctx, param)
    if not value or re.search(r"\s", value):
        raise click.BadParameter(f"{value!r} is no user name", ctx, param)
    return value


def _file(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
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


def _processes(ctx: click.Context, param: click.Parameter, value: str) -> int | None:
    """Return the number, None for "auto"."""
    del ctx, param
    return None if value == "auto" else int(_number(int, 1, 256)(value))


def _executor(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return *value* where it names an executor."""
    del ctx, param
    if value is not None:
        from preflight.api.cluster import address_of  # noqa: PLC0415

        address_of(value)
    return value


def _ssh_config(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the file from the root, or "none" as ssh takes it."""
    return value if value == "none" else _file(ctx, param, value)


def _ssh_options(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Return *values* where each can be a line of ssh_config(5); ssh says whether it is one."""
    for value in values:
        if not re.fullmatch(r"[A-Za-z0-9]+(?:\s*=\s*|\s+)\S[^\x00-\x1f\x7f]*", value):
            raise click.BadParameter(f"{value!r} is not KEY=VALUE, as in Port=2222", ctx, param)
    return values


def _jump(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return *value* where it names jump hosts."""
    from preflight.transport.config import jumps  # noqa: PLC0415
    from preflight.transport.config.failures import Unusable  # noqa: PLC0415

    try:
        jumps.parse(value or "none")
    except Unusable as error:
        raise click.BadParameter(error.message, ctx, param) from None
    return value


def _known_hosts(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return *value* as `_file` does; a file that new keys are recorded in may still be made."""
    path = expand(value)
    if ctx.params["host_key_checking"] == "accept-new" and path and not os.path.lexists(path):
        return path
    return _file(ctx, param, value)


def expand(path: str | None) -> str | None:
    """Return *path* from the root, with ``~`` expanded."""
    if path is None:
        return None
    # Path.expanduser raises for an unknown user.
    return str(Path(os.path.expanduser(path)).absolute())  # noqa: PTH111


def _hosts_and_groups(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the inventory that begin so, for a shell to complete."""
    del param
    from preflight.cli.session import names_of  # noqa: PLC0415

    with suppress(Exception):  # a shell wants names, or nothing
        return [
            n for n in names_of(ctx.params.get("inventories") or ()) if n.startswith(incomplete)
        ]
    return []


inventory_options = several(
    option(
        "-i",
        "--inventory",
        "inventories",
        multiple=True,
        metavar="FILE|LIST",
        # Read by `discover`, so that --local and --facts win over it.
        envvar=None,
        help="YAML file, Ansible's inventory (ansible:PATH may run its programs), '-' for standard"
        " input, or a list with a comma: web1,web2,",
    ),
    option(
        "-l",
        "--limit",
        "limits",
        multiple=True,
        metavar="PATTERN",
        shell_complete=_hosts_and_groups,
        help="hosts, groups, globs, 'a:!b:&c', web-[01:20]",
    ),
    option(
        "--shard",
        metavar="I/N",
        help="the I-th of N parts of the hosts; auto: the part of this CI job",
    ),
)

connection_options = several(
    option(
        "-u",
        "--user",
        callback=_user,
        metavar="NAME",
        help="log in as NAME where the inventory does not say",
    ),
    option("--key", callback=_file, metavar="FILE", help="private key to log in with"),
    option(
        "--known-hosts",
        callback=_known_hosts,
        metavar="FILE",
        help="host keys, instead of ~/.ssh/known_hosts",
    ),
    option(
        "--host-key-checking",
        type=click.Choice(["strict", "accept-new", "off"]),
        default="strict",
        show_default=True,
        is_eager=True,  # _known_hosts asks for it
        metavar="HOW",
        help="strict, accept-new (record the keys of new hosts) or off (verify none)",
    ),
    option(
        "-F",
        "--ssh-config",
        callback=_ssh_config,
        metavar="FILE|none",
        help="ssh configuration, instead of ssh's own files",
    ),
    option(
        "--ssh-option",
        "ssh_options",
        multiple=True,
        callback=_ssh_options,
        metavar="KEY=VALUE",
        help="a line of ssh configuration, as ssh's -o",
    ),
    option(
        "-J",
        "--jump",
        callback=_jump,
        metavar="HOST[,HOST…]",
        help="[user@]host[:port] to go through where the inventory does not say",
    ),
    option(
        "--transport",
        type=click.Choice(["ssh", "openssh"]),
        help="for hosts that name none; openssh is the system's own ssh",
    ),
    option(
        "--per-gateway",
        type=_number(int, 1, 4096),
        default=8,
        show_default=True,
        metavar="NUMBER",
        help="log-ins at a time through one jump host",
    ),
    option(
        "-f",
        "--forks",
        type=_number(int, 1, 4096),
        default=64,
        show_default=True,
        metavar="NUMBER",
        help="hosts at a time, 4096 at most",
    ),
    option(
        "--connect-timeout",
        type=_number(float, SHORTEST_S, LONGEST_S),
        metavar="SECONDS",
        help="for one connection; else what ssh is configured for, or 10",
    ),
    option(
        "--answer-timeout",
        type=_number(float, SHORTEST_S, LONGEST_S),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="for a host that falls silent in mid-talk",
    ),
    option(
        "--timeout",
        type=_number(float, SHORTEST_S, LONGEST_S),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="for one host as a whole",
    ),
    option(
        "--deadline",
        type=_number(float, SHORTEST_S, 10 * LONGEST_S),
        metavar="SECONDS",
        help="for the run; hosts that are not done by then are reported as not-run",
    ),
    option(
        "--retries",
        type=_number(int, 0, 20),
        default=2,
        show_default=True,
        metavar="NUMBER",
        help="more tries where a connection broke; never after a refusal or a timeout",
    ),
    option(
        "--rate",
        type=_number(float, 0.01, 100000),
        metavar="NUMBER",
        help="new connections per second, at most",
    ),
    option(
        "--processes",
        callback=_processes,
        default="auto",
        show_default=True,
        metavar="NUMBER",
        help="processes that ask, each with its part of --forks and --rate",
    ),
    option(
        "--executor",
        callback=_executor,
        is_eager=True,  # what files mean depends on it
        metavar="URL",
        help="have a Dask cluster ask: dask://HOST:PORT, dask+tls://HOST:PORT",
    ),
    option("--no-cache", is_flag=True, help="neither read nor write the library store"),
    option(
        "--cache-size",
        type=size,
        default="2G",
        show_default=True,
        metavar="SIZE",
        help="what the library store may take up",
    ),
)

credential_options = several(
    option("-k", "--ask-pass", is_flag=True, help="ask for the password to log in with"),
    option(
        "--password-fd",
        type=_number(int, 0, 65535),
        metavar="NUMBER",
        help="read that password from an open file descriptor",
    ),
    option(
        "--password-command", metavar="COMMAND", help="run COMMAND, once, and take what it prints"
    ),
    option("-b", "--become", is_flag=True, help="ask each host as another user, through sudo"),
    option(
        "--become-user",
        callback=_user,
        default="root",
        show_default=True,
        metavar="NAME",
        help="who to become where the inventory does not say",
    ),
    option("-K", "--ask-become-pass", is_flag=True, help="ask for the password that sudo wants"),
    option(
        "--become-password-fd",
        type=_number(int, 0, 65535),
        metavar="NUMBER",
        help="read that password from an open file descriptor",
    ),
    option(
        "--become-password-command",
        metavar="COMMAND",
        help="run COMMAND, once, and take what it prints",
    ),
    option("--no-input", is_flag=True, help="never ask for anything on the terminal"),
)

manifest_option = option(
    "--manifest",
    metavar="FILE|none",
    help="what the application needs besides its binary, instead of ./preflight.yaml",
)

waivers_option = option(
    "--waivers",
    multiple=True,
    metavar="FILE",
    help="findings that are accepted until a date, and do not count until then",
)

start_options = several(
    option(
        "--install-path",
        metavar="PATH",
        help="where the binary will lie on the hosts; a directory if it ends in '/'",
    ),
    option("--cwd", metavar="DIR", help="working directory of the program"),
    option(
        "--env",
        "environment",
        multiple=True,
        metavar="NAME=VALUE",
        help="environment of the program, such as LD_LIBRARY_PATH=/opt/lib",
    ),
    option("--run-as", callback=_user, metavar="USER", help="user that starts the program"),
    option(
        "--loaded-by",
        metavar="PROGRAM[=PATH]",
        help="local program that opens the library, and its path on the hosts",
    ),
)

report_options = several(
    option(
        "--format",
        "formats",
        multiple=True,
        metavar="NAME[=FILE]",
        help="table (the default), json, jsonl, names, junit, github, gitlab, sarif, markdown,"
        " prometheus, html, ansible-limit; several from one run",
    ),
    option("--explain", is_flag=True, help="show each library, the rule that found it, and misses"),
    option("-q", "--quiet", count=True, help="failures and the summary only"),
    option("-v", "--verbose", count=True, help="all evidence"),
    option(
        "--fail-on",
        type=click.Choice(["warning", "unknown"]),
        help="exit 4 on warnings; exit 1 on unknown",
    ),
    option("--exit-zero", is_flag=True, help="exit 0 whatever the verdicts"),
)

run_options = several(
    option(
        "--resume",
        metavar="RUN",
        help="ask only hosts that RUN (an id, a file, 'last') has no result of",
    ),
    option(
        "--rerun",
        metavar="WHICH[=RUN]",
        help="ask only hosts that were 'failed' or 'unreachable' in RUN, or in the last run",
    ),
    option("--no-run-file", is_flag=True, help="keep no record of the run, as --resume needs"),
)

progress_option = option(
    "--progress",
    type=click.Choice(["auto", "plain", "none"]),
    default="auto",
    show_default=True,
    help="how far the run is: a line that moves, or one now and then",
)
