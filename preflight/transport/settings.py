"""
What SSH has to know of one host before it dials.

The inventory decides, then the command line, then ssh_config(5) as the ssh
program reads it, then ssh's defaults.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Literal, TypeAlias, cast

from msgspec import Struct, structs

from preflight.errors import TransportError, UsageError
from preflight.model.host import Host
from preflight.transport import HostKeys, Options
from preflight.transport.config import jumps, tokens
from preflight.transport.config.answers import Answer, Question
from preflight.transport.config.configuration import Configuration
from preflight.transport.config.failures import Broken, Unusable
from preflight.transport.config.jumps import Hop
from preflight.transport.config.program import AT_A_TIME
from preflight.transport.credentials.secret import NO_SECRETS, Secrets

SSH_PORT = 22
CONNECT_TIMEOUT_S = 10.0
# ssh_config(5): UserKnownHostsFile, GlobalKnownHostsFile.
DEFAULT_KNOWN_HOSTS = (
    *("~/.ssh/known_hosts", "~/.ssh/known_hosts2"),
    *("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"),
)
# ssh_config(5): IdentityFile, as far as paramiko knows the types.
DEFAULT_IDENTITIES = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")
MAX_JUMPS = 8  # more is a loop in all but name
NO_JUMP = "none"
NO_CONFIG = "none"  # what ssh's -F takes for no file at all
Proxy: TypeAlias = Literal["config", "direct", "jump"]
Family: TypeAlias = Literal["any", "inet", "inet6"]
_Way: TypeAlias = tuple[str, int, str]  # name, port, user
_AGENT_VARIABLE = "SSH_AUTH_SOCK"
_NAMES_A_WAY = re.compile(r"proxy(?:jump|command)\b", re.IGNORECASE).match
_METHODS = {
    "publickey": "pubkeyauthentication",
    "keyboard-interactive": "kbdinteractiveauthentication",
    "password": "passwordauthentication",
}
_STRICTNESS: tuple[HostKeys, ...] = ("off", "accept-new", "strict")
# ssh -G's words; "ask", which is the default, is no wish.
_WISHES: dict[str, HostKeys] = {"yes": "strict", "true": "strict", "accept-new": "accept-new"}


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
    hash_known_hosts: bool = False
    revoked_host_keys: str | None = None
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
    address_family: Family = "any"
    bind_address: str | None = None
    # What to agree on, in our order.
    host_key_algorithms: tuple[str, ...] = ()
    kex_algorithms: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()


def settings_for(host: Host, options: Options) -> Settings:
    """
    Return the settings of *host*; may wait for ssh: milliseconds, or `program.LIMIT_S` at most.

    Raises `TransportError` where the configuration gives none.
    """
    return _resolve(host, options, ())


def check(hosts: Iterable[Host], options: Options) -> None:
    """Raise `UsageError` where the ssh configuration is wrong for all: before a host is asked."""
    for host in hosts:
        if (host.transport or options.transport) == "local":
            continue
        try:
            settings_for(host, options)
        except Broken as error:
            hint = "mend it, or do without: -F none reads no ssh configuration"
            raise UsageError(error.message, hint) from None
        except TransportError:
            pass  # of this host alone, which will say so
        return


def prepare(hosts: Sequence[Host], options: Options) -> None:
    """
    Have the settings of many hosts ready: ssh is asked for several at a time.

    Raises `UsageError` as `check` does; what is wrong with one host is said later.
    """
    check(hosts, options)

    def ask(host: Host) -> None:
        with suppress(TransportError):
            settings_for(host, options)

    if _configuration(options):
        with ThreadPoolExecutor(AT_A_TIME, "preflight-config") as pool:
            deque(pool.map(ask, hosts), maxlen=0)


def _resolve(
    host: Host, options: Options, trail: tuple[_Way, ...], before: tuple[Hop, ...] = ()
) -> Settings:
    """
    Return the settings of a host or a jump host.

    *trail* is what lies behind it, *before* are the jump hosts that have to be
    passed first, where that was said with it.
    """
    given = (*host.ssh_options, *options.ssh_options)  # of two, ssh takes the first
    found = _Found(
        host,
        structs.replace(options, ssh_options=given) if host.ssh_options else options,
        "jump" if before else _proxy(host, options),
    )
    way = (host.name, found.port, found.user)
    if way in trail or len(trail) > MAX_JUMPS:
        names = " -> ".join(name for name, _, _ in (*trail, way))
        raise Unusable(f"the jump hosts form a loop: {names}")
    return found.settings(_gateway(found, (*trail, way), before))


def _proxy(host: Host, options: Options) -> Proxy:
    """Return who decides on the way: the inventory, then -J, then the configuration."""
    if host.gateway:
        return "jump"
    if host.direct:
        return "direct"
    if any(map(_NAMES_A_WAY, host.ssh_options)):
        return "config"
    if options.jump is not None:
        return "jump" if jumps.parse(options.jump) else "direct"
    return "config"


def _gateway(found: _Found, trail: tuple[_Way, ...], before: tuple[Hop, ...]) -> Settings | None:
    host, options = found.host, found.options
    if host.gateway and not before:
        # Of the command line's wishes, those for the way are for the destination.  There is no
        # loop among the hosts of an inventory: it has looked.
        return _resolve(host.gateway, structs.replace(options, jump=None, ssh_options=()), ())
    hops = before
    if not before and found.proxy == "jump":
        hops = jumps.parse(options.jump or NO_JUMP)
    elif found.proxy == "config":
        hops = found.proxy_jump()
    if not hops:
        return None
    *first, last = hops
    jump_host = Host(name=last.host, user=last.user, port=last.port)
    return _resolve(jump_host, _for_jump_hosts(options), trail, tuple(first))


def _for_jump_hosts(options: Options) -> Options:
    """
    Return what of the command line holds for the hosts of a ProxyJump or of -J.

    ssh sets them up from its files alone; where there are to be none, only the
    command line is left to say who logs in.
    """
    if options.ssh_config == NO_CONFIG:
        return structs.replace(options, jump=None, ssh_options=())
    return structs.replace(options, jump=None, ssh_options=(), user=None, identity_file=None)


class _Found:
    """One host with what its configuration says, as far as that counts."""

    def __init__(self, host: Host, options: Options, proxy: Proxy) -> None:
        self.host = host
        self.options = options
        self.proxy = proxy
        self._config = _configuration(options)
        user = host.user or options.user
        self._answer = _NOTHING
        if self._config:
            question = Question(host.name, user, host.port, host.address, proxy)
            self._answer = self._config.ask(question)
        self.address = self._answer.one("hostname") or host.target
        self.port = host.port or int(self._answer.one("port") or SSH_PORT)
        self.user = user or self._answer.one("user") or tokens.own_name()

    def settings(self, gateway: Settings | None) -> Settings:
        """Return the settings, behind *gateway*."""
        answer = self._answer
        identity = self.host.identity_file or self.options.identity_file
        return Settings(
            name=self.host.name,
            address=self.address,
            port=self.port,
            user=self.user,
            connect_timeout_s=self._connect_timeout_s(),
            known_hosts=self._known_hosts(),
            host_keys=self._host_keys(),
            host_key_alias=answer.one("hostkeyalias"),
            hash_known_hosts=answer.is_on("hashknownhosts"),
            revoked_host_keys=next(self._paths(answer.all("revokedhostkeys")), None),
            identity_file=_expand(identity) if identity else None,
            default_identities=() if identity else self._identities(),
            certificate_files=tuple(self._paths(answer.all("certificatefile"))),
            identities_only=answer.is_on("identitiesonly"),
            agent=self._agent() if self.options.use_agent else None,
            methods=self._methods(),
            secrets=self.options.secrets,
            run=self.options.run,
            gateway=gateway,
            proxy_command=self._proxy_command(),
            address_family=cast(Family, answer.one("addressfamily") or "any"),
            bind_address=answer.one("bindaddress"),
            host_key_algorithms=self._changed_names("hostkeyalgorithms"),
            kex_algorithms=self._changed_names("kexalgorithms"),
            ciphers=self._changed_names("ciphers"),
            macs=self._changed_names("macs"),
        )

    def proxy_jump(self) -> tuple[Hop, ...]:
        """Return the jump hosts that the configuration names, the first one first."""
        return jumps.parse(self._answer.one("proxyjump") or NO_JUMP)

    def _paths(self, paths: Iterable[str]) -> Iterator[str]:
        """Yield the paths that the configuration names, from the root of this machine."""
        if self._config:
            for path in paths:
                if path.lower() != "none":
                    yield tokens.expand_path(path, self._target(), self._config.home)

    def _target(self) -> tokens.Target:
        alias = self._answer.one("hostkeyalias")
        return tokens.Target(self.host.name, self.address, self.port, self.user, alias)

    def _known_hosts(self) -> tuple[str, ...]:
        named = self.host.known_hosts or self.options.known_hosts
        if named:
            return (_expand(named),)
        if not self._config:
            return tuple(map(_expand, DEFAULT_KNOWN_HOSTS))
        # The first one takes the keys of new hosts: nobody's, where there is to be none.
        own = self._answer.all("userknownhostsfile") or (os.devnull,)
        return (*own, *self._answer.all("globalknownhostsfile"))

    def _host_keys(self) -> HostKeys:
        """Return the option's choice, or what is stricter: no configuration can loosen it."""
        wish = _WISHES.get(self._answer.one("stricthostkeychecking") or "", "off")
        return max(self.options.host_keys, wish, key=_STRICTNESS.index)

    def _identities(self) -> tuple[str, ...]:
        if not self._config:
            return tuple(map(_expand, DEFAULT_IDENTITIES))
        named = self._answer.values.get("identityfile", ())
        if named == self._config.defaults.values.get("identityfile", ()):
            named = DEFAULT_IDENTITIES
        return tuple(self._paths(named))

    def _agent(self) -> str | None:
        """Return the agent's socket.  Source: ssh_config(5), IdentityAgent."""
        said = self._answer.one("identityagent") or _AGENT_VARIABLE
        if said == _AGENT_VARIABLE:
            return tokens.variable(_AGENT_VARIABLE)
        if said.startswith("$"):
            return tokens.variable(said[1:].strip("{}"))
        return None if said.lower() == "none" else said

    def _methods(self) -> tuple[str, ...]:
        answer = self._answer
        wanted = answer.names("preferredauthentications") or tuple(_METHODS)
        quiet = answer.is_on("batchmode")
        return tuple(
            name
            for name in wanted
            if name in _METHODS
            and answer.is_on(_METHODS[name], otherwise=True)
            and not (quiet and name != "publickey")
        )

    def _connect_timeout_s(self) -> float:
        said = self._answer.one("connecttimeout")
        of_config = float(said) if said and said.isdecimal() else 0.0
        return self.options.connect_timeout_s or of_config or CONNECT_TIMEOUT_S

    def _proxy_command(self) -> str | None:
        command = self._answer.one("proxycommand") if self.proxy == "config" else None
        if command is None or command.lower() == "none":
            return None
        if self._answer.is_on("proxyusefdpass"):
            reason = "ProxyUseFdpass hands over a connection in a way that only ssh takes"
            raise Unusable(reason, "use the transport openssh for this host")
        return tokens.expand_command(command, self._target())

    def _changed_names(self, keyword: str) -> tuple[str, ...]:
        """Return a list of algorithms, empty where it is the one that ssh has by itself."""
        names = self._answer.names(keyword)
        same = not names or self._config is None or names == self._config.defaults.names(keyword)
        return () if same else names


def _configuration(options: Options) -> Configuration | None:
    """Return the configuration that holds in this process, None where there is to be none."""
    if options.ssh_config == NO_CONFIG and not options.ssh_options:
        return None
    key = (options.ssh_config, options.ssh_options)
    found = _configurations.get(key)
    return found or _configurations.setdefault(key, Configuration(*key))


def _expand(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111  (quicker, 10,000 times)


_configurations: dict[tuple[str | None, tuple[str, ...]], Configuration] = {}
_NOTHING = Answer({})
