"""
What stands for something else in a value: ``%h``, ``${NAME}`` and ``~``.

Source: ssh_config(5), TOKENS and ENVIRONMENT VARIABLES; OpenSSH ssh.c and misc.c.
"""

from __future__ import annotations

import functools
import os
import pwd
import re
import socket
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from preflight.errors import TransportError
from preflight.transport.config.failures import Unusable

_PERCENT = re.compile(r"%(.?)", re.DOTALL)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
# ssh.c, valid_hostname() and valid_ruser(): what must not get into a command.
_NO_HOST = re.compile(r"-|.*['`\"$\\;&<>|(){},\s\x00-\x1f\x7f]", re.DOTALL)
_NO_USER = re.compile(r"-|.*(?:['`\";&<>|(){}\x00-\x1f\x7f]|\s-|\\$)", re.DOTALL)


class Target(NamedTuple):
    """The host that a value is for."""

    name: str  # as it was asked for
    address: str
    port: int
    user: str
    alias: str | None  # HostKeyAlias


def expand_path(path: str, target: Target, home: str) -> str:
    """Return *path* from the root of this machine, as far as it can be said."""
    path = expand_home(path, home)
    if "%" in path:
        path = _percent(path, _tokens(target, home))
    return _variables(path)


def expand_command(command: str, target: Target) -> str:
    """
    Return a ProxyCommand for the shell.

    Raises `Unusable` where the host's name or user could mean something to a shell.
    """
    for text, refused in ((target.address, _NO_HOST), (target.name, _NO_HOST)):
        if refused.match(text):
            raise Unusable(f"the name {text!r} may not stand in a ProxyCommand")
    if _NO_USER.match(target.user):
        raise Unusable(f"the user {target.user!r} may not stand in a ProxyCommand")
    tokens = {
        "%": "%",
        "h": target.address,
        "k": target.alias or target.name,
        "n": target.name,
        "p": str(target.port),
        "r": target.user,
    }
    return _percent(command, tokens)


def expand_home(path: str, home: str) -> str:
    """Return *path* with ``~`` as ssh reads it: from the user database, not from HOME."""
    if not path.startswith("~"):
        return path
    user, slash, rest = path[1:].partition("/")
    if not user:
        return home + slash + rest
    try:
        return pwd.getpwnam(user).pw_dir + slash + rest
    except KeyError:
        raise Unusable(f"{path}: there is no user {user!r}") from None


def variable(name: str) -> str | None:
    """Return what the environment says, None where that is nothing."""
    return os.environ.get(name) or None


def expand_hostname(value: str, name: str) -> str:
    """Return a HostName for the host *name*."""
    return _percent(value, {"%": "%", "h": name})


def _tokens(target: Target, home: str) -> Mapping[str, str]:
    this = socket.gethostname()
    return {
        "%": "%",
        "L": this.partition(".")[0],
        "d": home,
        "h": target.address,
        "i": str(os.getuid()),
        "k": target.alias or target.name,
        "l": this,
        "n": target.name,
        "p": str(target.port),
        "r": target.user,
        "u": own_name(),
    }


@functools.cache
def own_name() -> str:
    """Return this user's name: as ssh takes it from the user database, else as far as known."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return variable("LOGNAME") or variable("USER") or _nameless()


@functools.cache
def own_home() -> str:
    """Return the directory that ssh takes for this user's home."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return os.path.expanduser("~")  # noqa: PTH111


def _nameless() -> NoReturn:
    reason = "this user has no name to log in with"
    raise TransportError("error", "no-credential", reason, "give one with --user")


def _percent(value: str, tokens: Mapping[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        if found[1] not in tokens:
            raise Unusable(f"{found[0]} in {value!r} is not known here")
        return tokens[found[1]]

    return _PERCENT.sub(one, value)


def _variables(value: str) -> str:
    if "${" not in value:
        return value

    def one(found: re.Match[str]) -> str:
        said = variable(found[1])
        if said is None:
            raise Unusable(f"{value!r}: the environment has no {found[1]!r}")
        return said

    return _VARIABLE.sub(one, value)
