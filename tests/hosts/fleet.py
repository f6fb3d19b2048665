"""
Brings the whole fleet up: roots, addresses, keys, known hosts and an inventory.

Every run has its own, on addresses of its own in 127.0.0.0/8, so that several
may go at once on one machine.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from tests.hosts import binfmt, listen, roots, runs, sshd
from tests.hosts.recipes import RECIPES

FIRST_PORT = 2201


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """One host to be had: which root, and what is odd about it."""

    name: str
    group: Literal["roots", "special", "hostile"]
    root: str | None = "bookworm"  # None: no sshd there
    user: str = "deploy"
    known_key: str | None = "ssh_host_ed25519_key"  # None: not in known_hosts
    settings: tuple[str, ...] = ()
    jump: str | None = None


SPECS = (
    *(Spec(name=name, group="roots", root=name) for name in RECIPES),
    Spec(name="closed", group="special", root=None),
    Spec(name="silent", group="special", root=None),
    Spec(name="changed", group="special", known_key="other_host_key"),
    Spec(name="unknown", group="special", known_key=None),
    Spec(name="refused", group="special", settings=("AuthorizedKeysFile none",)),
    Spec(name="nologin", group="special", user="quiet"),
    Spec(name="bastion", group="special"),
    Spec(name="behind", group="special", root="bullseye", jump="bastion"),
    # Log in well, and then: never answer, never stop, talk first, run nothing asked.
    Spec(name="hung", group="hostile", settings=("ForceCommand sleep 3600",)),
    Spec(name="flood", group="hostile", settings=("ForceCommand cat /dev/zero",)),
    Spec(
        name="noisy",
        group="hostile",
        settings=('ForceCommand echo Welcome; eval "$SSH_ORIGINAL_COMMAND"',),
    ),
    Spec(name="forced", group="hostile", settings=("ForceCommand echo This account is closed",)),
)


class TestHost(msgspec.Struct, frozen=True):
    """One host of the fleet: how to reach it, and where its files lie on this machine."""

    __test__ = False

    name: str
    group: str
    address: str
    port: int
    user: str
    root: Path | None  # a real directory, writable; what is written ends with the run
    known_hosts: Path
    identity_file: Path
    jump: str | None


class Fleet(msgspec.Struct, frozen=True):
    """All hosts of one run; *directory* holds their keys, their sshd's log and *inventory*."""

    directory: Path
    hosts: Mapping[str, TestHost]

    @property
    def inventory(self) -> Path:
        """The fleet in the format that preflight reads."""
        return self.directory / "inventory.yaml"

    @property
    def known_hosts(self) -> Path:
        """The true key of every host, a wrong one of `changed`, none of `unknown`."""
        return self.directory / "known_hosts"

    @property
    def identity_file(self) -> Path:
        """The client's private key; all but `refused` take it."""
        return self.directory / "id_ed25519"

    @property
    def log(self) -> Path:
        """What sshd says of every connection."""
        return self.directory / "sshd.log"

    def root(self, name: str) -> Path:
        """Return the directory that is / on the host called *name*."""
        root = self.hosts[name].root
        if root is None:
            raise KeyError(f"host {name} has no root")
        return root


@contextlib.contextmanager
def running() -> Iterator[Fleet]:
    """Yield the fleet, ready for connections; builds the roots that are not in the cache."""
    cached = roots.build()
    with contextlib.ExitStack() as stack:
        stack.enter_context(binfmt.registered())
        directory = stack.enter_context(runs.started())
        fleet = _lay_out(directory)
        for host in fleet.hosts.values():
            if host.root:
                runs.mount_root(cached[_spec(host.name).root or ""], directory, host.name)
        _write_files(fleet)
        _serve(fleet, stack)
        yield fleet


def _lay_out(directory: Path) -> Fleet:
    subnet = f"127.{64 + (os.getpid() >> 8) % 128}.{os.getpid() % 256}"
    hosts = {
        spec.name: TestHost(
            name=spec.name,
            group=spec.group,
            # Within the jump host's network nothing but its own loopback is there.
            address="127.0.0.1" if spec.jump else f"{subnet}.{number}",
            port=FIRST_PORT + number,
            user=spec.user,
            root=directory / "roots" / spec.name if spec.root else None,
            known_hosts=directory / "known_hosts",
            identity_file=directory / "id_ed25519",
            jump=spec.jump,
        )
        for number, spec in enumerate(SPECS, start=1)
    }
    return Fleet(directory, hosts)


def _spec(name: str) -> Spec:
    return next(spec for spec in SPECS if spec.name == name)


def _write_files(fleet: Fleet) -> None:
    sshd.make_keys(fleet.directory)
    fleet.known_hosts.write_text(
        "".join(
            sshd.known_hosts_line(host.address, host.port, fleet.directory / f"{key}.pub")
            for host in fleet.hosts.values()
            if (key := _spec(host.name).known_key)
        )
    )
    fleet.inventory.write_text(inventory_text(fleet))


def inventory_text(fleet: Fleet) -> str:
    """Return the inventory of *fleet*; its relative paths start from its directory."""
    groups: dict[str, dict[str, list[str]]] = {}
    for host in fleet.hosts.values():
        groups.setdefault(host.group, {"hosts": []})["hosts"].append(host.name)
    defaults = {"user": "deploy", "identity_file": "id_ed25519", "known_hosts": "known_hosts"}
    hosts = {host.name: _inventory_entry(host) for host in fleet.hosts.values()}
    document = {"defaults": defaults, "groups": groups, "hosts": hosts}
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=120)


def _inventory_entry(host: TestHost) -> dict[str, str | int]:
    entry: dict[str, str | int] = {"address": host.address, "port": host.port}
    if host.user != "deploy":
        entry["user"] = host.user
    if host.jump:
        entry["jump"] = host.jump
    return entry


def _serve(fleet: Fleet, stack: contextlib.ExitStack) -> None:
    """Start what answers at every host's address; *stack* ends it."""
    bastion, behind, silent = (fleet.hosts[name] for name in ("bastion", "behind", "silent"))
    special = {bastion.name, behind.name}
    plain = [one for one in fleet.hosts.values() if one.root and one.name not in special]
    stack.enter_context(sshd.running(_config(fleet, "sshd", plain)))
    inside = stack.enter_context(sshd.running(_config(fleet, "behind", [behind]), own_network=True))
    gate = _config(fleet, "bastion", [bastion])
    stack.enter_context(
        listen.accepting(
            (bastion.address, bastion.port), lambda one: sshd.serve_connection(gate, inside, one)
        )
    )
    stack.enter_context(listen.accepting((silent.address, silent.port), listen.say_nothing))


def _config(fleet: Fleet, name: str, hosts: Iterable[TestHost]) -> Path:
    path = fleet.directory / f"{name}.conf"
    listeners = [
        sshd.Listener(
            host.address,
            host.port,
            (f"ChrootDirectory {host.root}", *_spec(host.name).settings),
        )
        for host in hosts
    ]
    sshd.write_config(path, listeners)
    return path
