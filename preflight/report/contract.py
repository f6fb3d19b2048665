r"""
The values of the JSON report, version 1: a contract, to which keys are only added.

Text that is not UTF-8 stands as ``\xNN`` in them, and a backslash is doubled.
"""

from __future__ import annotations

from typing import Any

from preflight.model.elf import AbiTag, Elf, VersionNeed, machine_name
from preflight.model.proof import Proof
from preflight.model.report import Report
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Facts, Snapshot
from preflight.model.text import to_json
from preflight.model.verdict import Finding, Library, Verdict
from preflight.report.flags import flag_names

SCHEMA = "preflight.report/1"
# NT_GNU_ABI_TAG's operating systems.  Source: glibc elf/elf.h (ELF_NOTE_OS_*).
_ABI_SYSTEMS = {1: "hurd", 2: "solaris", 3: "freebsd"}


def binary_json(needs: Requirements) -> dict[str, Any]:
    """Return one element of ``binaries``; what only an ELF file has is null or empty for others."""
    floor = needs.glibc_floor
    elf = _elf_json(needs.elf) if needs.elf else _no_elf_json()
    value = {
        "id": needs.id,
        "path": needs.path,
        "member_of": needs.member_of,
        "sha256": needs.sha256,
        "format": needs.format,
        **{key: elf[key] for key in ("machine", "bits", "endian", "kind", "interpreter")},
        "libc": needs.libc,
        **{key: elf[key] for key in ("soname", "needed", "rpath", "runpath", "flags")},
        "version_needs": elf["version_needs"],
        "version_defs": elf["version_defs"],
        "glibc_floor": floor and {"version": floor.version, "symbols": list(floor.symbols)},
        "build_id": elf["build_id"],
        "abi_note": elf["abi_note"],
        "x86_isa_needed": needs.x86_isa_needed,
        "exec_stack": elf["exec_stack"],
        "size_bytes": needs.size_bytes,
        "description": needs.description,
    }
    return _escaped(value)


def host_json(snapshot: Snapshot) -> dict[str, Any]:
    """Return one element of ``hosts``; its answers to questions are facts on disk, not a report."""
    value = {
        "name": snapshot.host,
        "address": snapshot.address,
        "status": snapshot.status,
        "cause": snapshot.cause,
        "reason": snapshot.reason,
        "rounds": snapshot.rounds,
        "facts": _facts_json(snapshot.facts),
        "facts_unknown": dict(snapshot.facts_unknown),
    }
    return _escaped(value)


def verdict_json(verdict: Verdict, *, explain: bool) -> dict[str, Any]:
    """Return one element of ``verdicts``, with ``libraries`` where *explain* asks for them."""
    value: dict[str, Any] = {
        "host": verdict.host,
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
    return _escaped(value)


def summary_json(report: Report) -> dict[str, int]:
    """Return ``summary``: how many verdicts of each outcome."""
    summary = report.summary
    return {
        "deployable": summary.deployable,
        "blocked": summary.blocked,
        "unknown": summary.unknown,
    }


def _elf_json(elf: Elf) -> dict[str, Any]:
    return {
        "machine": machine_name(elf.machine, elf.bits, elf.endian),
        "bits": elf.bits or None,
        "endian": elf.endian,
        "kind": elf.kind,
        "interpreter": elf.interpreter,
        "soname": elf.soname,
        "needed": list(elf.needed),
        "rpath": _search_path(elf.rpath),
        "runpath": _search_path(elf.runpath),
        "flags": flag_names(elf),
        "version_needs": _version_needs(elf.version_needs),
        "version_defs": [version.name for version in elf.version_defs if not version.base],
        "build_id": elf.build_id,
        "abi_note": elf.abi_tag and _abi_note(elf.abi_tag),
        "exec_stack": elf.exec_stack,
    }


def _no_elf_json() -> dict[str, Any]:
    plain = _elf_json(Elf(size_bytes=0, head=b""))
    return {key: [] if isinstance(value, list) else None for key, value in plain.items()}


def _search_path(path: str | None) -> list[str]:
    return path.split(":") if path else []


def _version_needs(needs: tuple[VersionNeed, ...]) -> list[dict[str, Any]]:
    """Group the versions by library, those whose absence stops the loader apart from the weak."""
    groups: dict[str, dict[str, Any]] = {}
    for need in needs:
        empty = {"library": need.library, "versions": [], "weak": []}
        group = groups.setdefault(need.library, empty)
        for version in need.versions:
            group["weak" if version.weak else "versions"].append(version.name)
    return list(groups.values())


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
    return {
        "code": finding.code,
        "severity": finding.severity,
        "subject": finding.subject,
        "needed_by": finding.needed_by,
        "message": finding.message,
        "evidence": list(finding.evidence),
        "remedy": finding.remedy,
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


def _escaped(value: dict[str, Any]) -> dict[str, Any]:
    """Return *value* with every text in it as JSON can hold it."""
    return {to_json(key): _escaped_item(item) for key, item in value.items()}


def _escaped_item(value: Any) -> Any:
    if isinstance(value, str):
        return to_json(value)
    if isinstance(value, dict):
        return _escaped(value)
    if isinstance(value, list):
        return [_escaped_item(item) for item in value]
    return value
