"""
Does the host have what the application needs beyond its binary?

One file a kind of need: how it is written (`preflight.model.form`), what it
asks the host (through `Case.inquiry`), how the answer is read, and its finding.
To add one, write such a file, list it in KINDS and document its code in
`preflight.model.codes`; a new topic of `Ask` is a function ``ask_TOPIC`` of the
probe script.

Unlike all other checks these may look at facts that each host has of its own,
such as the kernel's name: `preflight.api.judged` judges needs host by host.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from preflight.judge.case import Case
from preflight.judge.requirements import (
    clock,
    command,
    disk,
    file,
    limit,
    mount,
    name,
    package,
    port,
    reach,
    sysctl,
    system,
)
from preflight.judge.requirements.kind import Kind
from preflight.model.verdict import Finding

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "system": system.KIND,
        "disk": disk.KIND,
        "mounts": mount.KIND,
        "commands": command.KIND,
        "packages": package.KIND,
        "files": file.KIND,
        "users": name.USERS,
        "groups": name.GROUPS,
        "limits": limit.KIND,
        "sysctl": sysctl.KIND,
        "ports_free": port.KIND,
        "reach": reach.KIND,
        "clock": clock.KIND,
    }
)


def check_needs(case: Case) -> Iterator[Finding]:
    """Each need of the manifest is met."""
    for need in case.requirements.needs:
        yield from KINDS[need.kind].check(need, case)
