"""
Would the whole bundle work?  The worst of its members, once these are seen together.

A library that a program of the bundle loads is judged with that program; one
that nobody is seen to load is judged as loaded by something unknown, which may
have loaded already what it misses.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, structs

from preflight.judge.remedies import with_remedies
from preflight.model.overlay import Overlay
from preflight.model.question import Stat
from preflight.model.requirements import Requirements
from preflight.model.start import Start
from preflight.model.verdict import Finding, Verdict, decided


class Part(Struct, frozen=True):
    """One thing that was judged, and how it starts."""

    requirements: Requirements
    start: Start
    verdict: Verdict


def settle(parts: Sequence[Part]) -> tuple[Verdict, ...]:
    """Return the verdicts, in the same order, those of bundles and their members seen together."""
    verdicts = {part.requirements.id: part.verdict for part in parts}
    programs = {part.requirements.id for part in parts if part.requirements.elf is not None}
    members: dict[str, list[Part]] = {}
    for part in parts:
        if part.requirements.member_of is not None:
            members.setdefault(part.requirements.member_of, []).append(part)
    for bundle, its in members.items():
        verdicts |= _members(its)
        if bundle in verdicts:
            verdicts[bundle] = _whole(verdicts[bundle], its, verdicts, program=bundle in programs)
    return tuple(verdicts[part.requirements.id] for part in parts)


def _members(parts: Sequence[Part]) -> dict[str, Verdict]:
    """Return the members' verdicts by id, those of libraries with regard to the programs."""
    loaders = _loaders(parts)
    bundle = parts[0].start.bundle
    shipped = {entry.path.rpartition("/")[2] for entry in bundle.entries} if bundle else set()
    machines = {part.requirements.elf.machine for part in parts if part.requirements.elf}
    settled = {}
    for part in parts:
        verdict, path = part.verdict, part.start.install_path
        if _is_library(part):
            loader = loaders.get(posixpath.normpath(path)) if path else None
            verdict = _library(verdict, loader, shipped, several=len(machines) > 1)
        elif path is None:
            verdict = _softened(verdict, shipped, "and where it will lie is not known")
        settled[part.requirements.id] = verdict
    return settled


def _loaders(parts: Sequence[Part]) -> dict[str, str]:
    """Return, for each library that a program of the bundle loads, the first that does."""
    loaders: dict[str, str] = {}
    bundle, root = parts[0].start.bundle, parts[0].start.bundle_root
    overlay = Overlay(bundle, root, {}) if bundle and root else None
    seen: set[str] = set()
    for part in parts:
        if _is_library(part):
            continue
        for library in part.verdict.libraries:
            if library.path is None or library.path in seen:
                continue
            seen.add(library.path)
            asked = Stat(posixpath.normpath(library.path))
            path = overlay.translated(asked).path if overlay is not None else asked.path
            loaders.setdefault(path, part.requirements.inner or "")
    return loaders


def _is_library(part: Part) -> bool:
    elf = part.requirements.elf
    return elf is not None and elf.kind == "shared-object"


def _library(verdict: Verdict, loader: str | None, shipped: set[str], *, several: bool) -> Verdict:
    if loader is not None:
        message = f"judged with {loader}, which loads it"
        info = Finding(code="member-loaded", severity="info", subject=loader, message=message)
        return decided(verdict, (info,))
    if several and any(f.code == "machine-mismatch" for f in verdict.findings):
        info = Finding(
            code="member-foreign",
            severity="info",
            subject=verdict.path,
            message="a library for another machine, in a bundle for several: not for this host",
        )
        return decided(verdict, (info,))
    return _softened(verdict, shipped, "and the program may have loaded it by then")


def _softened(verdict: Verdict, shipped: set[str], why: str) -> Verdict:
    """Return *verdict* without certainty about libraries that come with the bundle."""
    findings = tuple(
        structs.replace(f, severity="unknown", message=f"{f.message}: it is in the bundle, {why}")
        if f.code == "library-missing" and f.severity == "error" and f.subject in shipped
        else f
        for f in verdict.findings
    )
    return decided(verdict, findings)


def _whole(
    bundle: Verdict, parts: Sequence[Part], verdicts: Mapping[str, Verdict], *, program: bool
) -> Verdict:
    """Return the verdict of the container; of a *program* that unpacks itself its own counts."""
    findings = tuple(
        finding
        for part in _telling(parts, verdicts)
        for finding in _reason(part.requirements, verdicts[part.requirements.id])
    )
    not_probed = tuple(f for f in bundle.findings if f.code == "host-not-probed")
    if not_probed or not program:
        whole = decided(bundle, not_probed or with_remedies(findings))
        # No single start speaks for a bundle: its members have their own lines.
        return structs.replace(whole, predicted_error=None, predicted_exit=None)
    if bundle.outcome == "blocked":
        return bundle  # it comes to nothing that it would unpack
    whole = decided(bundle, (*bundle.findings, *with_remedies(findings)))
    return structs.replace(whole, predicted_error=None, predicted_exit=None)


def _telling(parts: Sequence[Part], verdicts: Mapping[str, Verdict]) -> Iterator[Part]:
    """Yield the members, of those that one program cannot open for one reason only the first."""
    said = set()
    for part in parts:
        verdict, opener = verdicts[part.requirements.id], part.start.loaded_by
        if opener is not None and verdict.outcome == "blocked":
            errors = (f for f in verdict.findings if f.severity == "error")
            reason = opener.install_path, *((f.code, f.subject, f.needed_by) for f in errors)
            if reason in said:
                continue
            said.add(reason)
        yield part


def _reason(member: Requirements, verdict: Verdict) -> Iterator[Finding]:
    """Yield why *member* is not deployable, or what is to be known of it."""
    severities = {"blocked": "error", "unknown": "unknown", "deployable": "warning"}
    severity = severities[verdict.outcome]
    its = [finding for finding in verdict.findings if finding.severity == severity]
    if not its:
        return
    inner = member.inner or member.name
    more = f" (and {len(its) - 1} more)" if len(its) > 1 else ""
    yield Finding(
        code={"error": "member-blocked", "unknown": "member-unknown"}.get(
            severity, "member-warning"
        ),
        severity=its[0].severity,
        subject=inner,
        message=f"{inner}: {verdict.predicted_error or its[0].message}{more}",
        evidence=tuple(finding.message for finding in its),
    )
