"""The peers that are programs: OpenSSH under xargs, and Ansible."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.fleet.plan import Plan

_ANSIBLE = Path(sys.executable).parent / "ansible"


def xargs(plan: Plan, directory: Path) -> list[str | Path]:
    """Return the command that runs one ``ssh HOST uname -m`` a host."""
    hosts = directory / "addresses"
    hosts.write_text("".join(f"{address}\n" for address in plan.addresses))
    options = _ssh_options(plan, IdentityFile=plan.identity_file, BatchMode="yes")
    ssh = ["ssh", "-F", "none", *options, "-p", str(plan.port), "-l", plan.user]
    parallel: list[str | Path] = ["-a", hosts, "-P", str(plan.in_flight), "-I", "{}"]
    return ["xargs", *parallel, *ssh, "{}", "uname -m"]


def ansible(plan: Plan, directory: Path, module: Sequence[str]) -> list[str | Path]:
    """Return the command that runs one module on all hosts, with pipelining."""
    inventory = directory / "ansible.ini"
    common = " ".join(["-F none", *_ssh_options(plan)])
    inventory.write_text(
        "\n".join(
            [
                "[all]",
                *plan.addresses,
                "[all:vars]",
                f"ansible_port={plan.port}",
                f"ansible_user={plan.user}",
                f"ansible_ssh_private_key_file={plan.identity_file}",
                f"ansible_ssh_common_args='{common}'",
                "ansible_python_interpreter=/usr/bin/python3",
                "ansible_pipelining=true",
                "",
            ]
        )
    )
    return [_ANSIBLE, "all", "-i", inventory, "-f", str(plan.in_flight), *module]


def _ssh_options(plan: Plan, **more: str) -> list[str]:
    settings = {"UserKnownHostsFile": plan.known_hosts, "IdentitiesOnly": "yes", **more}
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
