"""
What SSH has to know of one host before it dials.

`~/.ssh/config` is not read: `settings_for` is the one place to change for that.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Literal

from msgspec import Struct

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.transport import HostKeys, Options
from preflight.transport.credentials.secret import NO_SECRETS, Secrets

SSH_PORT = 22
# ssh_config(5): UserKnownHostsFile, GlobalKnownHostsFile.
DEFAULT_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts")
# ssh_config(5): IdentityFile, as far as paramiko knows the types.
DEFAULT_IDENTITIES = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")


class Settings(Struct, frozen=True, kw_only=True):
    """
    One host as SSH sees it, in ssh_config(5)'s words; equal settings can share one connection.

    None and empty tuples leave a choice to the SSH library.
    """

    name: str
    address: str  # HostName
    port: int
    user: str
    connect_timeout_s: float
    # Who the host is.
    known_hosts: tuple[str, ...]  # UserKnownHostsFile, which gets new keys; GlobalKnownHostsFile
    host_keys: HostKeys  # StrictHostKeyChecking
    host_key_alias: str | None = None
    revoked_host_keys: str | None = None
    hash_known_hosts: bool = False
    # Who we are.
    identity_file: str | None  # what the operator named: has to be readable
    default_identities: tuple[str, ...]  # IdentityFile, in order: may be absent
    certificate_files: tuple[str, ...] = ()
    identities_only: bool = False
    agent: str | None  # IdentityAgent: the agent's socket
    methods: tuple[str, ...] = ("publickey", "keyboard-interactive", "password")
    secrets: Secrets = NO_SECRETS
    run: str = ""  # Options.run
    # How to get there.
    gateway: Settings | None  # ProxyJump, the last hop
    proxy_command: str | None = None  # its tokens expanded
    address_family: Literal["any", "inet", "inet6"] = "any"
    bind_address: str | None = None
    # What to agree on, in our order.
    host_key_algorithms: tuple[str, ...] = ()
    kex_algorithms: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()


def settings_for(host: Host, options: Options) -> Settings:
    """Return the settings of *host*: its own, else those of *options*, else the SSH defaults."""
    identity = host.identity_file or options.identity_file
    known_hosts = host.known_hosts or options.known_hosts
    return Settings(
        name=host.name,
        address=host.target,
        port=host.port or SSH_PORT,
        user=host.user or options.user or _own_name(),
        identity_file=_expand(identity) if identity else None,
        default_identities=() if identity else tuple(map(_expand, DEFAULT_IDENTITIES)),
        known_hosts=tuple(map(_expand, (known_hosts,) if known_hosts else DEFAULT_KNOWN_HOSTS)),
        host_keys=options.host_keys,
        agent=os.environ.get("SSH_AUTH_SOCK") or None if options.use_agent else None,
        secrets=options.secrets,
        run=options.run,
        connect_timeout_s=options.connect_timeout_s,
        gateway=settings_for(host.gateway, options) if host.gateway else None,
    )


def _expand(path: str) -> str:
    return str(Path(path).expanduser())


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise TransportError(
            "error", "no-credential", "this user has no name to log in with", "give one with --user"
        ) from None
