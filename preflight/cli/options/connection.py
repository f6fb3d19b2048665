"""How hosts are reached and asked: log-in, host keys, limits, the store."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, TypedDict

import click

from preflight.cli.options import option, several
from preflight.cli.options.values import expand, number, readable, size, user_name

if TYPE_CHECKING:
    from preflight.transport import HostKeys

SHORTEST_S, LONGEST_S = 0.1, 86400.0


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
    no_package_manager: bool
    no_cache: bool
    cache_size: int


def _processes(ctx: click.Context, param: click.Parameter, value: str) -> int | None:
    """Return the number, None for "auto"."""
    del ctx, param
    return None if value == "auto" else int(number(int, 1, 256)(value))


def _executor(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return *value* where it names an executor."""
    del ctx, param
    if value is not None:
        from preflight.api.cluster import address_of  # noqa: PLC0415

        address_of(value)
    return value


def _ssh_config(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the file from the root, or "none" as ssh takes it."""
    return value if value == "none" else readable(ctx, param, value)


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
    """Return *value* as `readable` does; a file that new keys are recorded in may still be made."""
    path = expand(value)
    if ctx.params["host_key_checking"] == "accept-new" and path and not os.path.lexists(path):
        return path
    return readable(ctx, param, value)


connection_options = several(
    option(
        "-u",
        "--user",
        callback=user_name,
        metavar="NAME",
        help="log in as NAME where the inventory does not say",
    ),
    option("--key", callback=readable, metavar="FILE", help="private key to log in with"),
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
        type=number(int, 1, 4096),
        default=8,
        show_default=True,
        metavar="NUMBER",
        help="log-ins at a time through one jump host",
    ),
    option(
        "-f",
        "--forks",
        type=number(int, 1, 4096),
        default=64,
        show_default=True,
        metavar="NUMBER",
        help="hosts at a time, 4096 at most",
    ),
    option(
        "--connect-timeout",
        type=number(float, SHORTEST_S, LONGEST_S),
        metavar="SECONDS",
        help="for one connection; else what ssh is configured for, or 10",
    ),
    option(
        "--answer-timeout",
        type=number(float, SHORTEST_S, LONGEST_S),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="for a host that falls silent in mid-talk",
    ),
    option(
        "--timeout",
        type=number(float, SHORTEST_S, LONGEST_S),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="for one host as a whole",
    ),
    option(
        "--deadline",
        type=number(float, SHORTEST_S, 10 * LONGEST_S),
        metavar="SECONDS",
        help="for the run; hosts that are not done by then are reported as not-run",
    ),
    option(
        "--retries",
        type=number(int, 0, 20),
        default=2,
        show_default=True,
        metavar="NUMBER",
        help="more tries where a connection broke; never after a refusal or a timeout",
    ),
    option(
        "--rate",
        type=number(float, 0.01, 100000),
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
    option(
        "--no-package-manager",
        is_flag=True,
        help="do not ask the hosts' package managers what would mend a finding",
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
