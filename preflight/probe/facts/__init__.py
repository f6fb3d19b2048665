"""
The facts of a host: one pure parser each, listed in FACTS.

A parser takes the outputs of the script by name and returns the value of one
field of `preflight.model.snapshot.Facts`, or `Unknown` with the reason.  To
add a fact: print a section in ``script.sh``, write a parser, add a line here.
What only an audit asks is printed by ``audit.sh``, stands in AUDITED and is a
field of `preflight.model.audited.Audited`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from preflight.model import text
from preflight.model.audited import Audited
from preflight.model.snapshot import Facts
from preflight.probe.facts import (
    boot,
    cpu,
    disks,
    exposed,
    kernel,
    memory,
    mounts,
    packages,
    policies,
    sshd,
    system,
    watchers,
)
from preflight.probe.facts.outputs import Outputs, Unknown, read_outputs

FACTS: dict[str, Callable[[Outputs], Any]] = {
    "system": system.parse_system,
    "machine": system.parse_machine,
    "kernel": system.parse_kernel,
    "os": system.parse_os,
    "os_id": system.parse_os_id,
    "os_version": system.parse_os_version,
    "ldd_version": system.parse_ldd_version,
    "ldd_family": system.parse_ldd_family,
    "loaders": system.parse_loaders,
    "shell_head": system.parse_shell_head,
    "uid": system.parse_uid,
    "gids": system.parse_gids,
    "user": system.parse_user,
    "clock_s": system.parse_clock,
    "cpu_level": cpu.parse_level,
    "cpu_flags": cpu.parse_flags,
    "cpu_vendor": cpu.parse_vendor,
    "page_size": cpu.parse_page_size,
    "at_platform": cpu.parse_at_platform,
    "mounts": mounts.parse_mounts,
    "binfmt": kernel.parse_binfmt,
    "ia32": kernel.parse_ia32,
    "selinux": kernel.parse_selinux,
    "ima_appraise": kernel.parse_ima_appraise,
    "proc_mounted": kernel.parse_proc_mounted,
}

AUDITED: dict[str, Callable[[Outputs], Any]] = {
    "memory_bytes": memory.parse_memory,
    "cpus": memory.parse_cpus,
    "disks": disks.parse_disks,
    "init": boot.parse_init,
    "container": boot.parse_container,
    "apparmor": policies.parse_apparmor,
    "fapolicyd": policies.parse_fapolicyd,
    "package_managers": packages.parse_package_managers,
    "sshd": sshd.parse_sshd,
    "watchers": watchers.parse_watchers,
    "exposed": exposed.parse_exposed,
}


def read_facts(frames: Mapping[str, bytes], nonce: str) -> tuple[Facts, dict[str, str]]:
    """Return the facts that the frames F, X and B tell, and why some are unknown."""
    outputs = read_outputs(frames, nonce)
    parsed = {name: _parse(parse, outputs) for name, parse in FACTS.items()}
    unknown = {name: v.reason for name, v in parsed.items() if isinstance(v, Unknown)}
    return Facts(**{k: v for k, v in parsed.items() if k not in unknown}), unknown


def read_audited(frames: Mapping[str, bytes], nonce: str) -> Audited:
    """Return what the frame F tells an audit; the clock is not in it."""
    outputs = read_outputs(frames, nonce)
    parsed = {name: _parse(parse, outputs) for name, parse in AUDITED.items()}
    unknown = {name: v.reason for name, v in parsed.items() if isinstance(v, Unknown)}
    return Audited(**{k: v for k, v in parsed.items() if k not in unknown}, unknown=unknown)


def _parse(parse: Callable[[Outputs], Any], outputs: Outputs) -> Any:
    """Return the fact; what a host says may have any form, or none."""
    try:
        return parse(outputs)
    except (ValueError, LookupError) as error:
        return Unknown(f"the host's answer has an unknown form: {text.printable(str(error))[:80]}")
