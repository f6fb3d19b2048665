"""
For Fabric: stop a task before it brings a program to hosts where that will not start.

    from fabric import task
    from preflight.fabric import Start, require_deployable

    @task(hosts=["web-1", "web-2"])
    def deploy(c):
        require_deployable(c, "dist/app", start=Start(install_path="/opt/app/bin/app"))
        c.put("dist/app", "/opt/app/bin/app")

fabric takes whatever key a host shows.  So hosts are asked over connections of
our own, which verify it; *c* only says where they are and who logs in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import fabric
from invoke.exceptions import Exit
from msgspec import structs

from preflight.analyze import analyze
from preflight.api import Options, check
from preflight.errors import PreflightError, UsageError
from preflight.inventory import resolve_start
from preflight.model.host import Host
from preflight.model.report import Report
from preflight.model.requirements import Requirements
from preflight.model.start import Start
from preflight.transport.credentials.secret import Secret

__all__ = ["NotDeployableError", "Start", "check_deployable", "host_of", "require_deployable"]

Target: TypeAlias = "fabric.Connection | fabric.Group"


class NotDeployableError(PreflightError, Exit):
    """
    Some binary is blocked on some host, or nobody knows; *report* has the verdicts.

    Where a task does not catch it, `fab` shows its line and ends with *code*.
    """

    message: str

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message, "look at the verdicts of the report of this error")
        self.args = (message,)  # which Exit leaves as they were given
        self.report = report

    @property
    def code(self) -> int:
        """The exit status that `preflight check` would end with: 1 where blocked, else 3."""
        return 1 if self.report.summary.blocked else 3


def require_deployable(
    target: Target, *binaries: str, start: Start | None = None, options: Options | None = None
) -> Report:
    """
    Return the report on *binaries* and the hosts of *target*, where all are deployable.

    Raises `NotDeployableError` for any other outcome, and `UsageError` for a
    connection that cannot be made as fabric would make it.
    """
    report = check_deployable(target, *binaries, start=start, options=options)
    if bad := [verdict for verdict in report.verdicts if verdict.outcome != "deployable"]:
        first = bad[0]
        said = first.predicted_error or first.findings[0].message
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        reason = f"{first.path} is {first.outcome} on {first.host}: {said}{more}"
        raise NotDeployableError(reason, report)
    return report


def check_deployable(
    target: Target, *binaries: str, start: Start | None = None, options: Options | None = None
) -> Report:
    """Return the report on *binaries* and the hosts of *target*, whatever the outcome."""
    connections = list(target) if isinstance(target, fabric.Group) else [target]
    requirements = [analyze(path, id=f"b{n}") for n, path in enumerate(binaries, 1)]
    several = len(requirements) > 1

    def start_of(host: Host, needed: Requirements) -> Start:
        override = start or Start()
        return resolve_start(host, binary_name=needed.name, several=several, override=override)

    hosts = _named_apart(dict.fromkeys(map(host_of, connections)))
    chosen = _with_password(options or Options(), connections)
    return check(requirements, hosts, starts=start_of, options=chosen)


def host_of(connection: fabric.Connection) -> Host:
    """Return the host that *connection* leads to; raises `UsageError` where we cannot go so."""
    gateway = connection.gateway
    if isinstance(gateway, str):
        reason = f"{connection.host}: the connection runs a ProxyCommand of its own"
        raise UsageError(reason, "write it into the ssh configuration, which is honoured")
    return Host(
        name=connection.original_host,  # as the ssh configuration knows it
        address=connection.host,
        port=connection.port,
        user=connection.user,
        identity_file=next(_key_files(connection), None),
        gateway=host_of(gateway) if gateway else None,
    )


def _named_apart(hosts: Iterable[Host]) -> list[Host]:
    """Return *hosts*, those of the same name with port and user in it: each has its verdict."""
    hosts = list(hosts)
    count = Counter(host.name for host in hosts)
    return [
        structs.replace(host, name=f"{host.name}:{host.port}:{host.user}")
        if count[host.name] > 1
        else host
        for host in hosts
    ]


def _key_files(connection: fabric.Connection) -> Iterator[str]:
    named = connection.connect_kwargs.get("key_filename") or ()
    yield from (named,) if isinstance(named, str) else named


def _with_password(options: Options, connections: list[fabric.Connection]) -> Options:
    """Return *options* with the one password that the connections would log in with."""
    given = {one.connect_kwargs.get("password") for one in connections} - {None}
    if len(given) > 1:
        raise UsageError("the connections have several passwords", "ask them one by one")
    if not given:
        return options
    secrets = structs.replace(options.connect.secrets, password=Secret(given.pop()))
    return structs.replace(options, connect=structs.replace(options.connect, secrets=secrets))
