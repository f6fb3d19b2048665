"""An audit as a whole, and the document ``preflight.audit/1`` that is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct, to_builtins

from preflight.model.audit import HostAudit
from preflight.report.audit.drift import Drift, drift
from preflight.report.audit.fleet import Alike, Outlier, alike, outliers
from preflight.report.audit.rows import ROWS, end_of_support, newest_nodes, reason_of
from preflight.report.contract import escaped
from preflight.report.encode import encode

SCHEMA = "preflight.audit/1"


class Audit(Struct, frozen=True, kw_only=True):
    """What a fleet is; *drift* is None where there is nothing to compare with."""

    version: str
    started_at: str
    hosts: tuple[HostAudit, ...]
    alike: tuple[Alike, ...]
    outliers: tuple[Outlier, ...]
    drift: Drift | None


def audit(
    hosts: Sequence[HostAudit],
    *,
    version: str,
    started_at: str,
    against: Iterable[HostAudit] | None = None,
) -> Audit:
    """Return the audit of *hosts*, compared with what *against* was."""
    probed = [host for host in hosts if host.status == "probed"]
    return Audit(
        version=version,
        started_at=started_at,
        hosts=tuple(hosts),
        alike=tuple(alike(probed)),
        outliers=tuple(outliers(probed)),
        drift=None if against is None else drift(against, hosts),
    )


def audit_json(found: Audit) -> Iterator[str]:
    """Yield the document ``preflight.audit/1``."""
    value: dict[str, Any] = {
        "schema": SCHEMA,
        "version": found.version,
        "started_at": found.started_at,
        "hosts": [_host(host) for host in found.hosts],
        "groups": [_group(one) for one in found.alike],
        "outliers": to_builtins(found.outliers),
        "drift": to_builtins(found.drift),
    }
    yield encode(escaped(value), 2) + "\n"


def _host(host: HostAudit) -> dict[str, Any]:
    facts, audited = host.facts, host.audited
    value: dict[str, Any] = {
        "name": host.host,
        "address": host.address,
        "groups": list(host.groups),
        "status": host.status,
        "cause": host.cause,
        "reason": host.reason,
        "facts": None,
        "unknown": dict(host.unknown),
    }
    if host.status == "probed":
        value["facts"] = {
            **{name: getattr(facts, name) for name in FACTS},
            "end_of_support": end_of_support(host),
            "libcs": to_builtins(facts.libcs),
            "offers": [
                {
                    "machine": footing.platform.machine,
                    "libc": footing.platform.libc,
                    "release": footing.release,
                    "nodes": newest_nodes(footing),
                    "libraries": footing.files,
                }
                for footing in host.footings
            ],
            **{name: to_builtins(getattr(audited, name, None)) for name in AUDITED},
            "password_login": audited and audited.sshd and audited.sshd.password_alone,
        }
    return value


FACTS = (
    *("system", "os", "os_id", "os_version", "kernel", "machine", "cpu_level", "page_size"),
    "selinux",
)
AUDITED = (
    *("memory_bytes", "cpus", "disks", "init", "container", "apparmor", "fapolicyd"),
    *("package_managers", "sshd", "watchers", "exposed", "clock_offset_s"),
)


def _group(one: Alike) -> dict[str, Any]:
    pairs = list(zip(ROWS, one.values, strict=True))
    return {
        "hosts": [host.host for host in one.hosts],
        "rows": {row.name: value for row, value in pairs},
        "unknown": {row.name: reason_of(row, one.hosts[0]) for row, v in pairs if v is None},
    }
