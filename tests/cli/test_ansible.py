"""A playbook that runs on deployable hosts alone, from Ansible's own inventory."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.transport.conftest import ADDRESS, free_port, keys, sshd, start_sshd

__all__ = ["keys", "sshd", "start_sshd"]

PLAYBOOK = """
- hosts: web
  gather_facts: false
  tasks:
    - ansible.builtin.raw: echo "$SSH_CONNECTION" >> {{ inventory_dir }}/{{ inventory_hostname }}
"""


@pytest.fixture
def fleet(tmp_path, sshd) -> Path:
    """Return an inventory: two hosts that answer, one that does not, as INI and group_vars."""
    (tmp_path / "group_vars").mkdir()
    known_hosts = sshd.known_hosts(tmp_path / "known")
    (tmp_path / "group_vars/all.yml").write_text(
        f"ansible_host: {ADDRESS}\nansible_user: {getpass.getuser()}\n"
        f"ansible_ssh_private_key_file: {sshd.identity()}\nsshd: {sshd.port}\n"
        f"ansible_port: '{{{{ sshd }}}}'\n"
        f"ansible_ssh_common_args: -F none -o UserKnownHostsFile={known_hosts} -o Compression=no\n"
    )
    path = tmp_path / "hosts"
    path.write_text(f"[web]\nweb-[1:2]\ngone ansible_port={free_port()}\n[db]\ndb-1\n")
    return path


def playbook(tmp_path: Path, inventory: Path) -> int:
    """Run the playbook, and return its exit status."""
    (tmp_path / "site.yml").write_text(PLAYBOOK)
    command = [
        Path(sys.executable).with_name("ansible-playbook"),
        "-i",
        inventory,
        "--limit",
        "@limit",
        tmp_path / "site.yml",
    ]
    return subprocess.run(command, cwd=tmp_path, check=False).returncode


@pytest.mark.slow
def test_playbook_runs_on_deployable_hosts_only(run, fleet, tmp_path):
    """A host that cannot be asked is not deployed to, nor is one that was not meant."""
    checked = run("check", shutil.which("true"), "-i", "hosts", "-l", "web",
                  "--connect-timeout", "5", "--retries", "0",
                  "--format", "ansible-limit=limit", "--format", "table")  # fmt: skip

    assert (3, "web-1\nweb-2\n") == (checked.status, (tmp_path / "limit").read_text())
    assert playbook(tmp_path, fleet) == 0
    assert ["web-1", "web-2"] == sorted(p.name for p in tmp_path.glob("[wdg]*-*") if p.is_file())


@pytest.mark.slow
def test_playbook_runs_nowhere_where_no_host_is_deployable(run, fleet, tmp_path):
    """The limit of nobody is an error to Ansible, where an empty file would mean all hosts."""
    checked = run("check", shutil.which("true"), "-i", "hosts", "-l", "gone",
                  "--connect-timeout", "5", "--retries", "0",
                  "--format", "ansible-limit=limit")  # fmt: skip

    assert 3 == checked.status
    assert playbook(tmp_path, fleet) != 0
    assert not list(tmp_path.glob("web-*"))


def test_what_is_not_honoured_is_a_warning(run, tmp_path):
    """The list goes to standard output, what is not honoured to standard error."""
    (tmp_path / "hosts").write_text("a ansible_password=hunter2\n")

    listed = run("hosts", "-i", "hosts", "--format", "names")

    assert (0, "a\n") == (listed.status, listed.out)
    assert listed.err == (
        "preflight: warning: hosts:1: ansible_password is not used;"
        " give it by --ask-pass, --password-command\n"
    )


def test_inventory_that_lies_here_runs_nothing(run, tmp_path):
    """Only what the user names may have programs run, not a file of the directory's."""
    (tmp_path / "inventory.yaml").write_text("#!/bin/sh\ntouch ran\n")
    (tmp_path / "inventory.yaml").chmod(0o755)
    (tmp_path / "preflight.toml").write_text('inventory = "ansible:inventory.yaml"\n')

    assert [2, 2] == [run("hosts").status, run("hosts", "-i", "inventory.yaml").status]
    assert not (tmp_path / "ran").exists()
