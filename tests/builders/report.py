"""Small reports: say what matters to the test, and the rest is a plain Debian host and program."""

from __future__ import annotations

from typing import Any

from preflight.model.elf import (
    DT_NEEDED,
    EM_X86_64,
    ET_DYN,
    Dependency,
    Elf,
    NeededVersion,
    VersionNeed,
)
from preflight.model.report import Report
from preflight.model.requirements import GlibcFloor, Requirements
from preflight.model.snapshot import Facts, Libc, Snapshot
from preflight.model.verdict import Finding, Library, Step, Verdict, outcome_of

LOADER = "/lib64/ld-linux-x86-64.so.2"


def elf(**fields: Any) -> Elf:
    """Return an x86-64 PIE that needs libc.so.6 with GLIBC_2.34."""
    plain = {
        "size_bytes": 16000,
        "head": b"\x7fELF",
        "bits": 64,
        "type": ET_DYN,
        "machine": EM_X86_64,
        "interpreter": LOADER,
        "dependencies": (Dependency(DT_NEEDED, "libc.so.6"),),
        "version_needs": (
            VersionNeed("libc.so.6", (NeededVersion("GLIBC_2.34", weak=False, index=2),)),
        ),
        "exec_stack": False,
    }
    return Elf(**(plain | fields))


def binary(name: str = "app", number: int = 1, **fields: Any) -> Requirements:
    """Return the needs of ``./NAME``, with the id ``bNUMBER``."""
    plain = {
        "id": f"b{number}",
        "path": f"./{name}",
        "name": name,
        "sha256": "ab" * 32,
        "size_bytes": 16000,
        "format": "elf",
        "description": "an x86-64 program for Linux",
        "elf": elf(),
        "glibc_floor": GlibcFloor("2.34", ("__libc_start_main",)),
        "libc": "glibc",
    }
    return Requirements(**(plain | fields))


def facts(**fields: Any) -> Facts:
    """Return what a Debian 12 host says of itself."""
    plain = {
        "system": "Linux",
        "machine": "x86_64",
        "kernel": "6.1.0",
        "os": "Debian GNU/Linux 12 (bookworm)",
        "libcs": (Libc(LOADER, "x86_64", "glibc", "2.36"),),
        "cpu_level": "x86-64-v3",
        "page_size": 4096,
    }
    return Facts(**(plain | fields))


def host(name: str, **fields: Any) -> Snapshot:
    """Return a host that was asked in two rounds."""
    plain = {
        "host": name,
        "address": "192.0.2.1",
        "status": "probed",
        "host_key": "verified",
        "rounds": 2,
        "facts": facts(),
    }
    return Snapshot(**(plain | fields))


def lost_host(name: str, **fields: Any) -> Snapshot:
    """Return a host that refused the connection."""
    plain = {
        "status": "unreachable",
        "cause": "connection-refused",
        "reason": "192.0.2.1 port 22: connection refused",
        "host_key": None,
        "rounds": 0,
        "facts": Facts(),
    }
    return host(name, **(plain | fields))


def finding(**fields: Any) -> Finding:
    """Return a missing library."""
    plain = {
        "code": "library-missing",
        "severity": "error",
        "subject": "libssl.so.3",
        "message": "libssl.so.3 was not found",
        "needed_by": "./app",
        "evidence": ("/lib/x86_64-linux-gnu: no such file",),
        "remedy": "install libssl3",
    }
    return Finding(**(plain | fields))


def not_probed() -> Finding:
    """Return what every binary has on a host that could not be asked."""
    return finding(
        code="host-not-probed",
        severity="unknown",
        subject="db-1",
        message="the host could not be asked",
        needed_by=None,
        evidence=(),
        remedy=None,
    )


def verdict(name: str, *findings: Finding, number: int = 1, **fields: Any) -> Verdict:
    """Return the verdict on binary ``bNUMBER`` on the host *name*."""
    outcome = outcome_of(findings)
    plain = {"host": name, "binary": f"b{number}", "path": "./app", "outcome": outcome}
    return Verdict(**(plain | {"findings": findings} | fields))


def missing_library(**fields: Any) -> Library:
    """Return a library that was looked for in one directory."""
    steps = (Step("system directories", "/usr/lib/libssl.so.3", "no such file"),)
    plain = {"name": "libssl.so.3", "path": None, "needed_by": ("./app",), "rule": None}
    return Library(**(plain | {"tried": steps} | fields))


def report(
    verdicts: list[Verdict],
    *,
    hosts: list[Snapshot] | None = None,
    binaries: list[Requirements] | None = None,
) -> Report:
    """Return the report of these verdicts, on probed hosts unless said otherwise."""
    names = dict.fromkeys(verdict.host for verdict in verdicts)
    return Report(
        version="0.1.0",
        started_at="2026-01-02T03:04:05Z",
        elapsed_s=1.94,
        binaries=tuple(binaries or [binary()]),
        hosts=tuple(hosts or map(host, names)),
        verdicts=tuple(verdicts),
    )
