"""
The command line for `ssh`, and a configuration file for it and for the `ssh` of its jump hosts.

ssh takes the first value of each setting, so that ours stand before those of
`~/.ssh/config`, which it reads itself.  The file is for the `ssh -W` that
ssh starts for a ProxyJump, and that hears of no option but -F.  LC_ALL is not
set: ssh looks at LC_CTYPE alone, and speaks English.
Sources: ssh_config(5), OpenSSH ssh.c, utf8.c.
"""

from __future__ import annotations

import glob
import math
import re
import shlex
from pathlib import Path

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.transport import Options

# Nobody is there to answer, nothing is lent to the host, and nothing else is started.
_ALWAYS = (
    "BatchMode yes",
    "NumberOfPasswordPrompts 0",
    "ControlPersist no",
    "ForwardAgent no",
    "ForwardX11 no",
    "Tunnel no",
    "PermitLocalCommand no",
    "RequestTTY no",
    "UpdateHostKeys no",
    "LogLevel INFO",
)
# Not for the ssh of a jump host, whose one forwarding is the way to us.
_OURS = ("ControlMaster=yes", "ClearAllForwardings=yes", "RemoteCommand=none")
# A host that went away without a word is noticed after about 45 seconds, and one
# that is not there after ten.
_USUALLY = ("ServerAliveInterval 15", "ServerAliveCountMax 3", "ConnectTimeout 10")
_CHECKING = {"strict": "yes", "accept-new": "accept-new", "off": "no"}
_NOWHERE = "/dev/null"
# ssh_config(5), FILES; a file that is not there is passed over.
_FILES = ("~/.ssh/config", "/etc/ssh/ssh_config")
# Source: OpenSSH ssh.c, valid_hostname() and valid_ruser(); "@" and "/" would
# make a user or a URI of what stands before.
_NO_HOST = re.compile(r"""^-|^$|['`"$\\;&<>|(){},@/\s\x00-\x1f\x7f]""")
_NO_USER = re.compile(r"""^-|^$|['`";&<>|(){}\x00-\x1f\x7f]|\s-|\\$""")


def configuration(options: Options) -> str:
    """Return what holds for every host: a file for ``ssh -F``."""
    lines = list(_ALWAYS)
    if options.connect_timeout_s is not None:
        lines.append(f"ConnectTimeout {math.ceil(options.connect_timeout_s)}")
    lines += _host_keys(options.host_keys, options.known_hosts)
    if not options.use_agent:
        lines.append("IdentityAgent none")
    if options.ssh_config != "none":
        files = (options.ssh_config,) if options.ssh_config else _FILES
        lines += [f"Include {_quoted(glob.escape(file))}" for file in files]
    # What was included may have ended within a Host block.
    return "\n".join([*lines, "Match all", *_USUALLY, ""])


def _host_keys(checking: str, known_hosts: str | None) -> list[str]:
    lines = [f"StrictHostKeyChecking {_CHECKING[checking]}"]
    if checking == "off":
        known_hosts = _NOWHERE  # or ssh would note down what nobody has verified
    if known_hosts:
        lines.append(f"UserKnownHostsFile {_quoted(literal(known_hosts))}")
        lines.append(f"GlobalKnownHostsFile {_NOWHERE}")
    return lines


def arguments(
    host: Host, options: Options, *, config: Path, socket: Path, through: str | None = None
) -> list[str]:
    """
    Return the options and the destination that log in to *host* and listen at *socket*.

    *config* holds `configuration`, *through* is a ProxyCommand.  Raises
    `TransportError` for a name that is an option, or a command for a shell.
    """
    user = host.user or options.user
    check_names(host.name, user)
    check_names(host.target, user)
    words = ["-N", "-T", "-F", str(config)]
    for setting in _settings(host, options, socket, through):
        words += ["-o", setting]
    if host.port:
        words += ["-p", str(host.port)]
    if user:
        words += ["-l", user]
    return [*words, "--", host.name]


def _settings(host: Host, options: Options, socket: Path, through: str | None) -> list[str]:
    settings = [*_OURS, f"ControlPath={literal(str(socket))}"]
    if host.address is not None:
        settings.append(f"HostName={literal(host.address)}")
    if host.known_hosts:
        settings += _host_keys(options.host_keys, host.known_hosts)
    if identity := host.identity_file or options.identity_file:
        settings += [f"IdentityFile={_quoted(literal(identity))}", "IdentitiesOnly=yes"]
    if through:
        settings += [f"ProxyCommand={through}", "ProxyJump=none"]
    elif host.direct or options.jump == "none":
        settings.append("ProxyCommand=none")
    return [*settings, *host.ssh_options, *options.ssh_options]


def forwarding(ssh: str, socket: Path) -> str:
    """
    Return the ProxyCommand that has the master at *socket* connect us.

    Where that master is gone it must not go anywhere by itself.
    """
    alone = ("-F", "none", "-o", "ProxyCommand=false", "-S", literal(literal(str(socket))))
    return shlex.join((literal(ssh), *alone, "-W", "[%h]:%p", "--", "gateway"))


def check_names(address: str, user: str | None) -> None:
    """Raise `TransportError` where an address or a user would be more than that to ssh."""
    if _NO_HOST.search(address):
        reason = f"{address!r} is no address that ssh may be given"
        raise TransportError("error", "name-not-found", reason, "write a name or an IP address")
    if user is not None and _NO_USER.search(user):
        reason = f"{user!r} is no user that ssh may be given"
        raise TransportError("error", "no-credential", reason, "write a log-in name")


def literal(path: str) -> str:
    """Return *path* as ssh's tokens spell it."""
    return path.replace("%", "%%")


def _quoted(path: str) -> str:
    """Return *path* as one word of a line.  Source: OpenSSH misc.c, argv_split()."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
