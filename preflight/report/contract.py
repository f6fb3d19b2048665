r"""
The values of the JSON report, version 1: a contract, to which keys are only added.

Text that is not UTF-8 stands as ``\xNN`` in them, and a backslash is doubled.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from preflight.model import shebang
from preflight.model.elf import AbiTag, Elf, VersionNeed, machine_name
from preflight.model.go import GoBuild, GoLinkage
from preflight.model.proof import Proof
from preflight.model.report import Binary, Go, LibraryVersions, Run, Summary
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Facts, Snapshot
from preflight.model.text import to_json
from preflight.model.verdict import Finding, Library, Remedy, Verdict
from preflight.report.flags import flag_names

SCHEMA = "preflight.report/1"
_NO_ELF = Elf(size_bytes=0, head=b"")
# NT_GNU_ABI_TAG's operating systems.  Source: glibc elf/elf.h (ELF_NOTE_OS_*).
_ABI_SYSTEMS = {1: "hurd", 2: "solaris", 3: "freebsd"}


def binary_json(needs: Requirements | Binary) -> dict[str, Any]:
    """Return one element of ``binaries``."""
    value: dict[str, Any] = _escaped_item(msgspec.to_builtins(described(needs)))
    return value


def described(needs: Requirements | Binary) -> Binary:
    """Return what a report says of *needs*."""
    if isinstance(needs, Binary):
        return needs
    elf = needs.elf or _NO_ELF
    is_elf = elf is not _NO_ELF
    return Binary(
        id=needs.id,
        path=needs.path,
        member_of=needs.member_of,
        sha256=needs.sha256,
        format=needs.format,
        machine=machine_name(elf.machine, elf.bits, elf.endian) if is_elf else None,
        bits=elf.bits or None,
        endian=elf.endian if is_elf else None,
        kind=elf.kind if is_elf else None,
        interpreter=elf.interpreter,
        libc=needs.libc,
        soname=elf.soname,
        needed=tuple(elf.needed),
        rpath=_search_path(elf.rpath),
        runpath=_search_path(elf.runpath),
        flags=tuple(flag_names(elf)),
        version_needs=_version_needs(elf.version_needs),
        version_defs=tuple(version.name for version in elf.version_defs if not version.base),
        glibc_floor=needs.glibc_floor,
        build_id=elf.build_id,
        abi_note=_abi_note(elf.abi_tag) if elf.abi_tag else None,
        x86_isa_needed=needs.x86_isa_needed,
        exec_stack=elf.exec_stack,
        size_bytes=needs.size_bytes,
        description=needs.description,
        script=shebang.parse(needs.head) if needs.format == "script" else None,
        go=_go(needs.go, needs.go_linkage) if needs.go else None,
        glibc_steps=needs.glibc_steps,
        glibcxx_steps=needs.glibcxx_steps,
        toolchain=needs.toolchain,
        runtime_needs=needs.runtime_needs,
        dlopen=elf.later,
        foreign=needs.foreign,
    )


def _go(build: GoBuild, linkage: GoLinkage | None) -> Go:
    return Go(
        release=build.release,
        package=build.path,
        module=build.main.path if build.main else None,
        version=build.main.version if build.main else None,
        linkage=linkage.kind if linkage else None,
        reasons=linkage.reasons if linkage else (),
        build_mode=linkage.mode if linkage else build.setting("-buildmode"),
        settings=dict(build.settings),
    )


def host_json(snapshot: Snapshot) -> dict[str, Any]:
    """Return one element of ``hosts``; its answers to questions are facts on disk, not a report."""
    return own_host_json(snapshot) | facts_json(snapshot.facts, snapshot.facts_unknown)


def own_host_json(snapshot: Snapshot) -> dict[str, Any]:
    """Return the part of a host that hardly another host has too."""
    value = {
        "name": snapshot.host,
        "address": snapshot.address,
        "status": snapshot.status,
        "cause": snapshot.cause,
        "reason": snapshot.reason,
        "host_key": snapshot.host_key,
        "rounds": snapshot.rounds,
    }
    return escaped(value)


def facts_json(facts: Facts, unknown: Mapping[str, str]) -> dict[str, Any]:
    """Return the rest of a host: what all hosts of one image have."""
    return escaped({"facts": _facts_json(facts), "facts_unknown": dict(unknown)})


def verdict_json(verdict: Verdict, *, explain: bool) -> dict[str, Any]:
    """Return one element of ``verdicts``, with ``libraries`` where *explain* asks for them."""
    return {"host": to_json(verdict.host)} | result_json(verdict, explain=explain)


def result_json(verdict: Verdict, *, explain: bool) -> dict[str, Any]:
    """Return a verdict without its host: what all hosts with that result have."""
    value: dict[str, Any] = {
        "binary": verdict.binary,
        "path": verdict.path,
        "outcome": verdict.outcome,
        "predicted_error": verdict.predicted_error,
        "predicted_exit": verdict.predicted_exit,
        "findings": [_finding_json(finding) for finding in verdict.findings],
        "loaded_by": verdict.loaded_by,
    }
    if verdict.proof is not None:
        value["proof"] = _proof_json(verdict.proof)
    if explain:
        value["libraries"] = [_library_json(library) for library in verdict.libraries]
    return escaped(value)


def run_json(run: Run) -> dict[str, Any]:
    """Return what is known of the run: ``run``, ``shard`` and others, each only where it is."""
    value: dict[str, Any] = msgspec.to_builtins(run)
    return escaped({"run" if key == "id" else key: item for key, item in value.items()})


def summary_json(summary: Summary) -> dict[str, int]:
    """Return ``summary``: how many verdicts of each outcome."""
    return {
        "deployable": summary.deployable,
        "blocked": summary.blocked,
        "unknown": summary.unknown,
    }


def _search_path(path: str | None) -> tuple[str, ...]:
    return tuple(path.split(":")) if path else ()


def _version_needs(needs: tuple[VersionNeed, ...]) -> tuple[LibraryVersions, ...]:
    """Group the versions by library, those whose absence stops the loader apart from the weak."""
    groups: dict[str, tuple[list[str], list[str]]] = {}
    for need in needs:
        strong, weak = groups.setdefault(need.library, ([], []))
        for version in need.versions:
            (weak if version.weak else strong).append(version.name)
    return tuple(
        LibraryVersions(library, tuple(strong), tuple(weak))
        for library, (strong, weak) in groups.items()
    )


def _abi_note(tag: AbiTag) -> str:
    release = ".".join(map(str, tag.release))
    if tag.system == 0:
        return release
    return f"{_ABI_SYSTEMS.get(tag.system, f'system-{tag.system}')} {release}"


def _facts_json(facts: Facts) -> dict[str, Any]:
    return {
        "system": facts.system,
        "machine": facts.machine,
        "kernel": facts.kernel,
        "os": facts.os,
        "libcs": [
            {
                "interpreter": libc.interpreter,
                "machine": libc.machine,
                "family": libc.family,
                "version": libc.version,
            }
            for libc in facts.libcs
        ],
        "ldd_version": facts.ldd_version,
        "cpu_level": facts.cpu_level,
        "page_size": facts.page_size,
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    """Return one finding; ``waived`` stands in it where it is."""
    value: dict[str, Any] = {
        "code": finding.code,
        "severity": finding.severity,
        "subject": finding.subject,
        "needed_by": finding.needed_by,
        "message": finding.message,
        "evidence": list(finding.evidence),
        "remedy": finding.remedy,
        "remedies": [_remedy_json(remedy) for remedy in finding.remedies],
    }
    if finding.waived is not None:
        value["waived"] = msgspec.to_builtins(finding.waived)
    return value


def _remedy_json(remedy: Remedy) -> dict[str, Any]:
    return {
        "where": remedy.where,
        "text": remedy.text,
        "command": remedy.command,
        "certainty": remedy.certainty,
        "package": remedy.package,
        "installed": remedy.installed,
        "candidate": remedy.candidate,
        "satisfies": remedy.satisfies,
        "source": remedy.source,
    }


def _proof_json(proof: Proof) -> dict[str, Any]:
    return {
        "said": list(proof.said),
        "agrees": proof.agrees,
        "differences": list(proof.differences),
        "not_proven": proof.not_proven,
        "refused": proof.refused,
        "left": proof.left,
    }


def _library_json(library: Library) -> dict[str, Any]:
    """Return one library; where it was looked for is told only of one that was not found."""
    value: dict[str, Any] = {
        "name": library.name,
        "path": library.path,
        "needed_by": list(library.needed_by),
        "rule": library.rule,
    }
    if library.path is None:
        value["tried"] = [
            {"rule": step.rule, "path": step.path, "result": step.result} for step in library.tried
        ]
    return value


def escaped(value: dict[str, Any]) -> dict[str, Any]:
    """Return *value* with every text in it as JSON can hold it; it usually is that already."""
    with suppress(UnicodeEncodeError):
        if b"\\" not in msgspec.json.encode(value):
            return value
    return {to_json(key): _escaped_item(item) for key, item in value.items()}


def _escaped_item(value: Any) -> Any:
    if isinstance(value, str):
        return to_json(value)
    if isinstance(value, dict):
        return {to_json(key): _escaped_item(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped_item(item) for item in value]
    return value
