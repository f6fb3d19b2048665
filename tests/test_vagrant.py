"""The Vagrantfile is sound, and what it writes down is an inventory that preflight reads."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from preflight.inventory import load

PROJECT = Path(__file__).parent.parent
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO0gKnSWQYFfHzCiZxIhq9DYJy1fF2uPSqX9yY2kqPbc"
# Stands for vagrant's own object of a machine, which only a running machine has.
ADD_MACHINE = """
require "./vagrant/fleet"
require "ostruct"
channel = Object.new
def channel.execute(command)
  yield :stdout, ENV["KEYS"] if command == "cat /etc/ssh/ssh_host_*_key.pub"
  yield :stderr, "noise"
end
fleet = Fleet.new(ENV["DIRECTORY"])
%w[debian-12 alpine].each_with_index do |name, number|
  machine = OpenStruct.new(
    name: name.to_sym, communicate: channel,
    ssh_info: { username: "vagrant", private_key_path: ["/keys/#{name}"] },
  )
  fleet.add(Fleet.describe(machine, "192.0.2.#{number}"))
end
fleet.remove(ENV["REMOVE"]) if ENV["REMOVE"]
"""


def run(*command, **environment):
    """Run a command in the project; return what it printed."""
    if not shutil.which(command[0]):
        reason = f"{command[0]} is not installed"
        if os.environ.get("PREFLIGHT_REQUIRE_HOSTS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("path", ["Vagrantfile", "vagrant/fleet.rb"])
def test_ruby_is_sound(path):
    """Ruby finds no mistake and nothing to warn of."""
    assert run("ruby", "-wc", path) == "Syntax OK\n"


@pytest.mark.slow
def test_vagrant_validates_the_file(tmp_path):
    """Vagrant itself accepts every machine of the Vagrantfile."""
    said = run(
        *("vagrant", "validate", "--ignore-provider"),
        VAGRANT_HOME=str(tmp_path),
        VAGRANT_DOTFILE_PATH=str(tmp_path / "state"),
        VAGRANT_CHECKPOINT_DISABLE="1",
    )

    assert "validated successfully" in said


def test_fleet_is_an_inventory(tmp_path):
    """Every machine that came up is a host with its address, account, key and host keys."""
    run("ruby", "-e", ADD_MACHINE, DIRECTORY=str(tmp_path), KEYS=f"{KEY} root@guest\n")

    hosts = {
        host.name: (host.address, host.user, host.identity_file, host.known_hosts)
        for host in load([str(tmp_path / "inventory.vagrant.yaml")]).hosts
    }
    known_hosts = str(tmp_path / "known_hosts.vagrant")

    assert hosts == {
        "alpine": ("192.0.2.1", "vagrant", "/keys/alpine", known_hosts),
        "debian-12": ("192.0.2.0", "vagrant", "/keys/debian-12", known_hosts),
    }
    assert Path(known_hosts).read_text() == f"192.0.2.1 {KEY}\n192.0.2.0 {KEY}\n"


def test_destroyed_machine_is_forgotten(tmp_path):
    """A machine that is gone stands in the inventory no longer."""
    run("ruby", "-e", ADD_MACHINE, DIRECTORY=str(tmp_path), KEYS=KEY, REMOVE="alpine")

    (host,) = load([str(tmp_path / "inventory.vagrant.yaml")]).hosts

    assert host.name == "debian-12"
