"""
What ``ansible-inventory --list`` says, for what only Ansible can read.

It runs scripts, plugins and decryption as Ansible does, with the environment
and the ansible.cfg of this directory; its time and its output are bounded.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from preflight.errors import InventoryError
from preflight.inventory import values
from preflight.inventory.ansible.fleet import ALL, Fleet, Value
from preflight.inventory.values import Refusal
from preflight.model.text import decode, printable

PROGRAM = "ansible-inventory"
LIMIT_S = 120.0
MAX_BYTES = 256 << 20
_STDERR_BYTES = 65536
# Without it, a source that Ansible cannot read is an empty one, and a warning.
_WORDS = ("env", "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=1", "ANSIBLE_NOCOLOR=1", PROGRAM)
_NOT_FOUND = 127  # env(1)


def read(path: Path, name: str, fleet: Fleet, *, limit_s: float = LIMIT_S) -> None:
    """Add the hosts of a source, with all that holds for them, to *fleet*."""
    output, errors, status = _run([*_WORDS, "-i", str(path.absolute()), "--list"], name, limit_s)
    said = _shortened(errors)
    if status == _NOT_FOUND:
        raise InventoryError(
            f"{name}: {PROGRAM} is not installed here",
            "install ansible-core, or give preflight a static inventory",
        )
    if status:
        problem = f"{name}: {PROGRAM} failed with exit status {status}: {said or 'it said nothing'}"
        raise InventoryError(
            problem, "see 'ansible-inventory --list'; a vault needs ANSIBLE_VAULT_PASSWORD_FILE"
        )
    if said:
        fleet.remark(name, f"{PROGRAM} said: {said}")
    _add(_decoded(output, name), name, fleet)


def _decoded(output: bytes, name: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(output, type=dict[str, Any])
    except msgspec.DecodeError:
        hint = f"see what '{PROGRAM} -i {name} --list' prints"
        raise InventoryError(f"{name}: {PROGRAM} printed no inventory", hint) from None


def _add(listed: dict[str, Any], name: str, fleet: Fleet) -> None:
    place = f"{name} ({PROGRAM})"
    of_hosts = _mapping(_mapping(listed.pop("_meta", None)).get("hostvars"))
    for group, content in listed.items():
        added = fleet.add_group(group, place)
        for child in _names(content, "children"):
            fleet.add_group(child, place)
            added.children[child] = None
        for host in _names(content, "hosts"):
            try:
                values.host_name(host)
            except Refusal as refusal:
                raise refusal.at(place) from None
            fleet.add_host(group, host, None, place)
    for host, variables in of_hosts.items():
        if host not in fleet.hosts:
            fleet.add_host(ALL, host, None, place)
        for variable, value in _mapping(variables).items():
            fleet.hosts[host][variable] = _value(value, place)


def _names(content: Any, key: str) -> list[str]:
    found = _mapping(content).get(key)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _value(value: Any, place: str) -> Value:
    if isinstance(value, dict) and "__ansible_vault" in value:
        return Value(None, place, "vault")
    if isinstance(value, dict) and isinstance(value.get("__ansible_unsafe"), str):
        return Value(value["__ansible_unsafe"], place, "raw")
    if isinstance(value, dict | list):
        return Value(None, place, "other")
    return Value(None if value is None else str(value), place)


def _run(words: Sequence[str], name: str, limit_s: float) -> tuple[bytes, bytes, int]:
    """Return both outputs and the exit status; raises where there is no end of either."""
    try:
        process = subprocess.Popen(  # noqa: S603  (the user said that it may run)
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as problem:
        hint = "is there an env in $PATH?"
        raise InventoryError(f"{name}: {PROGRAM} cannot be run: {problem.strerror}", hint) from None
    with process:
        try:
            output, errors = _outputs(process, name, time.monotonic() + limit_s)
            return output, errors, process.wait(limit_s)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _outputs(process: subprocess.Popen[bytes], name: str, end: float) -> tuple[bytes, bytes]:
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout or 0, selectors.EVENT_READ, output)
        selector.register(process.stderr or 0, selectors.EVENT_READ, errors)
        while selector.get_map():
            ready = selector.select(max(0.0, end - time.monotonic()))
            if not ready:
                raise InventoryError(
                    f"{name}: {PROGRAM} did not end in time",
                    "run it by hand to see what it waits for",
                )
            for key, _ in ready:
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.data is output or len(errors) < _STDERR_BYTES:
                    key.data.extend(chunk)
            if len(output) > MAX_BYTES:
                hint = "give preflight a part of the fleet"
                raise InventoryError(f"{name}: {PROGRAM} prints more than 256 MiB", hint)
    return bytes(output), bytes(errors)


def _shortened(errors: bytes) -> str:
    text = " ".join(printable(decode(errors).strip().replace("\n", " ")).split())
    return text if len(text) <= 400 else text[:399] + "…"
