"""
Where passwords and passphrases come from: the terminal, a descriptor or a command.

Never from an argument, the environment or a file of ours.  The terminal is
/dev/tty, for standard input may be the inventory; all is asked for before the
first host is.
"""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import structs

from preflight.api import Options
from preflight.cli.options.credentials import CredentialOptions
from preflight.cli.options.fleet import FleetOptions
from preflight.cli.voice import warn
from preflight.errors import UsageError
from preflight.model.host import Host
from preflight.model.text import printable
from preflight.transport import DEFAULT
from preflight.transport import Options as ConnectOptions
from preflight.transport.credentials.secret import Secret, Secrets

TERMINAL = Path("/dev/tty")
TRIES = 3
_MAX_BYTES = 4096


class _Kind(NamedTuple):
    """One password, and the options that say where it comes from."""

    name: Literal["password", "become-password"]
    flag: str
    words: str

    def sources(self, values: CredentialOptions) -> tuple[bool, int | None, str | None]:
        """Return whether to ask for it, the descriptor to read, and the command to run."""
        if self.name == "password":
            return values["ask_pass"], values["password_fd"], values["password_command"]
        return (
            values["ask_become_pass"],
            values["become_password_fd"],
            values["become_password_command"],
        )


_LOG_IN = _Kind("password", "-k", "password to log in with")
_BECOME = _Kind("become-password", "-K", "password for sudo")


def with_secrets(options: Options, values: FleetOptions, hosts: Sequence[Host]) -> Options:
    """Return *options* with the secrets that the command line says how to get."""
    if values["executor"]:
        return options  # the keys are on other machines, and no secret goes there
    connect = options.connect
    if values["password_fd"] is not None and values["password_fd"] == values["become_password_fd"]:
        raise UsageError("one descriptor cannot hold two passwords", "give each its own")
    secrets = Secrets(
        password=_password(values, _LOG_IN), become_password=_password(values, _BECOME)
    )
    if secrets.become_password and not any(_becomes(host, connect) for host in hosts):
        raise UsageError("a sudo password is given, and no host becomes another user", "add -b")
    connect = structs.replace(connect, secrets=secrets)
    if not values["no_input"] and _has_terminal():
        passphrases = tuple(_passphrases(hosts, connect))
        secrets = structs.replace(secrets, passphrases=passphrases)
        connect = structs.replace(connect, secrets=secrets)
    return structs.replace(options, connect=connect)


def _becomes(host: Host, connect: ConnectOptions) -> bool:
    return connect.become if host.become is None else host.become


def _password(values: CredentialOptions, kind: _Kind) -> Secret | None:
    """Return the password of *kind*, None where nobody said that there is one."""
    asked, descriptor, command = kind.sources(values)
    if asked + (descriptor is not None) + (command is not None) > 1:
        reason = f"{kind.flag}, --{kind.name}-fd and --{kind.name}-command exclude each other"
        raise UsageError(reason, "give one of them")
    if asked:
        return _asked(kind, may_ask=not values["no_input"])
    if descriptor is not None:
        if descriptor == 0 and "-" in values["inventories"]:
            raise UsageError("standard input cannot be inventory and password", "use another")
        return _read(f"--{kind.name}-fd {descriptor}", descriptor)
    if command is not None:
        return _said_by(f"--{kind.name}-command", command)
    return None


def _asked(kind: _Kind, *, may_ask: bool) -> Secret:
    if not (may_ask and _has_terminal()):
        reason = f"{kind.flag} asks on a terminal, and " + (
            "there is none" if may_ask else "--no-input forbids it"
        )
        raise UsageError(reason, f"give --{kind.name}-fd or --{kind.name}-command")
    return _checked(kind.flag, _ask(f"{kind.words}: "))


def _read(option: str, descriptor: int) -> Secret:
    """Return the first line that comes through a descriptor, which is then closed."""
    data = b""
    try:
        while b"\n" not in data and len(data) < _MAX_BYTES:
            if not (more := os.read(descriptor, _MAX_BYTES)):
                break
            data += more
        os.close(descriptor)
    except OSError as error:
        raise UsageError(f"{option}: {error.strerror}", "open it: 3< FILE") from None
    return _first_line(option, data)


def _said_by(option: str, command: str) -> Secret:
    """Return the first line that a command prints; what it says besides goes to the terminal."""
    done = subprocess.run(  # noqa: S603 - the operator's own command is the purpose
        ["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise UsageError(f"{option}: the command ended with status {done.returncode}")
    return _first_line(option, done.stdout)


def _first_line(option: str, data: bytes) -> Secret:
    try:
        return _checked(option, data.split(b"\n", 1)[0].decode())
    except UnicodeDecodeError:
        raise UsageError(f"{option}: the password is not UTF-8") from None


def _checked(option: str, text: str) -> Secret:
    if not text or "\0" in text or len(text) >= _MAX_BYTES:
        raise UsageError(f"{option}: no password came")
    return Secret(text)


def _passphrases(hosts: Sequence[Host], connect: ConnectOptions) -> Iterator[tuple[str, Secret]]:
    """Ask for the passphrase of each key file that needs one; an empty one leaves the key out."""
    remote = [host for host in hosts if (host.transport or connect.transport or DEFAULT) == DEFAULT]
    if not remote:
        return
    from preflight.transport.credentials.locked import locked_keys, opens  # noqa: PLC0415

    for path in locked_keys(remote, connect):
        for _ in range(TRIES):
            text = _ask(f"passphrase of the key {printable(path)}: ")
            if not text:
                break
            if opens(path, secret := Secret(text)):
                yield path, secret
                break
            warn(f"that does not open the key {path}")


def _has_terminal() -> bool:
    try:
        os.close(os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _ask(prompt: str) -> str:
    """Return what is typed on the terminal, which does not show it; "" at its end."""
    with suppress(EOFError):
        return getpass.getpass(prompt)
    return ""
