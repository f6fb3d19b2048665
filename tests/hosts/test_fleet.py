"""The test hosts are what they are said to be, as OpenSSH's own client sees them."""

import socket
import subprocess

import pytest

from tests.hosts import roots
from tests.hosts.recipes import RECIPES


@pytest.fixture
def ssh(fleet):
    """A function that runs a command on a host of the fleet with OpenSSH's client."""

    def run(name, command, **options):
        host = fleet.hosts[name]
        settings = {
            "BatchMode": "yes",
            "ConnectTimeout": "5",
            "UserKnownHostsFile": str(host.known_hosts),
            "GlobalKnownHostsFile": "none",
            "User": host.user,
            **options,
        }
        return subprocess.run(
            [
                *("ssh", "-F", "none", "-i", host.identity_file, "-p", str(host.port)),
                *(word for key, value in settings.items() for word in ("-o", f"{key}={value}")),
                *(host.address, command),
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


@pytest.mark.parametrize("name", RECIPES)
def test_root_answers(ssh, fleet, name):
    """Every root answers at its own address, from its own files."""
    (fleet.root(name) / "tmp/mark").write_text(name)

    assert name == ssh(name, "cat /tmp/mark").stdout


@pytest.mark.parametrize(
    ("name", "libc"),
    [("bullseye", " 2.31\n"), ("bookworm", " 2.36\n"), ("trixie", " 2.41\n"), ("sid", " 2.43\n")],
)
def test_root_has_its_libc(ssh, name, libc):
    """Each glibc root has the version that it stands for."""
    assert libc in ssh(name, "ldd --version").stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("closed", "Connection refused"),
        ("changed", "REMOTE HOST IDENTIFICATION HAS CHANGED"),
        ("unknown", "Host key verification failed"),
        ("refused", "Permission denied (publickey)"),
        ("behind", "Connection refused"),
    ],
)
def test_special_host_keeps_clients_out(ssh, name, says):
    """A special host cannot be used, for the reason that it stands for."""
    result = ssh(name, "true")

    assert says in result.stderr
    assert result.returncode == 255


def test_nologin_runs_nothing(ssh):
    """The account of `nologin` gets in and runs nothing."""
    assert "currently not available" in ssh("nologin", "echo mark").stdout


def test_silent_host_says_nothing(fleet):
    """A connection to `silent` opens, and no byte comes."""
    host = fleet.hosts["silent"]

    with (
        socket.create_connection((host.address, host.port), timeout=0.3) as connection,
        pytest.raises(TimeoutError),
    ):
        connection.recv(1)


def test_jump_host_leads_behind(ssh, fleet):
    """`behind` is reached by way of `bastion`."""
    bastion = fleet.hosts["bastion"]
    through = (
        f"ssh -F none -o BatchMode=yes -i {bastion.identity_file} -p {bastion.port}"
        f" -o UserKnownHostsFile={bastion.known_hosts} -W %h:%p {bastion.user}@{bastion.address}"
    )

    assert "bullseye" in ssh("behind", "cat /etc/os-release", ProxyCommand=through).stdout


def test_ordinary_account_is_not_root(ssh):
    """The account `app` may log in, and is not root."""
    assert ssh("trixie", "id -u", User="app").stdout == "1000\n"


def test_cached_root_stays_clean(fleet):
    """What is written into a host's root does not reach the cache."""
    (fleet.root("musl") / "root/written").write_text("")

    assert not (roots.path_of("musl") / "root/written").exists()
