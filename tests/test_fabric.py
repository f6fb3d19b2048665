"""A Fabric task asks before it deploys: real connections, a real sshd."""

from __future__ import annotations

import getpass
import os
import stat

import fabric
import pytest

from preflight import Options
from preflight.errors import UsageError
from preflight.fabric import (
    NotDeployableError,
    Start,
    check_deployable,
    host_of,
    require_deployable,
)
from preflight.transport import Options as ConnectOptions
from tests.builders.elf import build_elf
from tests.transport.conftest import ADDRESS, free_port, keys, sshd, start_sshd

__all__ = ["keys", "sshd", "start_sshd"]

LOADER = "/lib64/ld-linux-x86-64.so.2"
START = Start(install_path="/opt/app/bin/app")


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def options(sshd, tmp_path) -> Options:
    """Options under which the host's key is known."""
    known = sshd.known_hosts(tmp_path / "known_hosts")
    return Options(connect=ConnectOptions(known_hosts=known, ssh_config="none"))


@pytest.fixture
def connection(sshd) -> fabric.Connection:
    """A connection as a task has it, not opened yet."""
    arguments = {"key_filename": sshd.identity()}
    user = getpass.getuser()
    return fabric.Connection(ADDRESS, user=user, port=sshd.port, connect_kwargs=arguments)


@pytest.fixture
def program(tmp_path):
    """Return a function that makes a program which needs some libraries."""

    def make(*needed: str) -> str:
        path = tmp_path / "app"
        path.write_bytes(build_elf(interpreter=LOADER, needed=["libc.so.6", *needed]))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return os.fspath(path)

    return make


def test_a_task_goes_on_where_the_program_will_start(connection, options, program):
    """The report comes back, and says by which key the host was known."""
    report = require_deployable(connection, program(), start=START, options=options)

    assert ["deployable"] == [verdict.outcome for verdict in report.verdicts]
    assert ["verified"] == [host.host_key for host in report.hosts]


def test_a_task_ends_where_the_program_will_not_start(connection, options, program):
    """The error has the loader's words in its line, and the whole report."""
    with pytest.raises(NotDeployableError, match=r"libnowhere\.so\.1: cannot open") as caught:
        require_deployable(connection, program("libnowhere.so.1"), start=START, options=options)

    assert ["blocked"] == [verdict.outcome for verdict in caught.value.report.verdicts]


def test_a_host_that_nobody_knows_ends_the_task(connection, tmp_path, program):
    """Fabric would take any key; here a key that is not recorded is no host to deploy to."""
    (tmp_path / "empty").write_text("")
    options = Options(
        connect=ConnectOptions(known_hosts=str(tmp_path / "empty"), ssh_config="none")
    )

    with pytest.raises(NotDeployableError) as caught:
        require_deployable(connection, program(), start=START, options=options)

    assert ["host-key-unknown"] == [host.cause for host in caught.value.report.hosts]


def test_a_group_is_asked_as_one(connection, options, program):
    """Each connection of a group is a host of the report."""
    group = fabric.ThreadingGroup.from_connections([connection])

    report = require_deployable(group, program(), start=START, options=options)

    assert [host_of(connection).name] == [host.host for host in report.hosts]


def test_the_ssh_configuration_holds_for_the_name_that_a_task_uses(sshd, program, tmp_path):
    """Where the host's keys are recorded stands there, under the alias alone."""
    known = sshd.known_hosts(tmp_path / "known_hosts")
    config = tmp_path / "config"
    config.write_text(f"Host web-1\n  HostName {ADDRESS}\n  UserKnownHostsFile {known}\n")
    arguments = {"key_filename": sshd.identity()}
    connection = fabric.Connection(
        "web-1", user=getpass.getuser(), port=sshd.port, connect_kwargs=arguments
    )
    connection.host = ADDRESS  # what fabric makes of the same configuration
    options = Options(connect=ConnectOptions(ssh_config=str(config)))

    report = require_deployable(connection, program(), start=START, options=options)

    assert [("web-1", "verified")] == [(host.host, host.host_key) for host in report.hosts]


def test_two_servers_at_one_address_are_two_hosts(connection, options, program):
    """A group's second port is asked, too, and has a verdict of its own."""
    other = fabric.Connection(ADDRESS, user=connection.user, port=free_port())
    group = fabric.SerialGroup.from_connections([connection, other, connection])

    report = check_deployable(group, program(), start=START, options=options)

    ports = [f"{ADDRESS}:{one.port}:{one.user}" for one in (connection, other)]
    assert [(ports[0], "probed"), (ports[1], "unreachable")] == [
        (host.host, host.status) for host in report.hosts
    ]


def test_a_gateway_of_the_connection_is_the_jump_host():
    """Hosts behind a bastion are reached through it, as fabric would."""
    bastion = fabric.Connection("bastion.example", user="jump")

    host = host_of(fabric.Connection("db.example", user="app", port=2222, gateway=bastion))

    assert ("db.example", 2222, "app") == (host.target, host.port, host.user)
    assert host.gateway is not None
    assert ("bastion.example", "jump") == (host.gateway.target, host.gateway.user)


def test_a_command_for_a_gateway_is_refused():
    """A ProxyCommand that only fabric knows of is not run unseen."""
    connection = fabric.Connection("db.example", gateway="ssh -W %h:%p bastion")

    with pytest.raises(UsageError, match="ProxyCommand"):
        host_of(connection)
