"""
Findings that are accepted for now: they are still told, and no longer decide.

A finding that says a host was not asked cannot be waived: nobody knows what
would be accepted.  What becomes of a bundle follows from its members.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping, Sequence

from msgspec import structs

from preflight.model.nodeset import expand
from preflight.model.requirements import Requirements
from preflight.model.verdict import Finding, Verdict, Waived, decided
from preflight.model.waiver import Waiver

NEVER = ("host-not-probed",)
_OF_MEMBERS = ("member-blocked", "member-unknown", "member-warning")


def waive(
    verdicts: Sequence[Verdict],
    waivers: Sequence[Waiver],
    binaries: Sequence[Requirements],
    groups: Collection[str] = (),
) -> tuple[Verdict, ...]:
    """
    Return *verdicts*, of one host in *groups*, with what *waivers* accept marked as waived.

    Waivers that findings had before are forgotten.
    """
    own = [_waived(verdict, waivers, groups) for verdict in verdicts]
    by_id = {verdict.binary: verdict for verdict in own}
    members = {
        (one.member_of, one.inner or one.name): by_id[one.id]
        for one in binaries
        if one.member_of is not None and one.id in by_id
    }
    return tuple(_of_bundle(verdict, members) for verdict in own)


def concerns(
    waiver: Waiver, host: str, groups: Collection[str], binaries: Sequence[Requirements]
) -> bool:
    """Return whether *waiver* may ever have something to say of this host and these binaries."""
    return names_host(waiver, host, groups) and any(names_binary(waiver, b.path) for b in binaries)


def names_host(waiver: Waiver, host: str, groups: Collection[str]) -> bool:
    """Return whether the host's name, or a group of it, is one that *waiver* means."""
    return any(
        pattern == "all" or pattern in groups or _is_named(pattern, host)
        for pattern in waiver.hosts
    )


def names_binary(waiver: Waiver, path: str) -> bool:
    """Return whether *waiver* means the binary called *path*."""
    name = path.rstrip("/").rpartition("/")[2]
    return any(
        fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(name, pattern)
        for pattern in waiver.binaries
    )


def _is_named(pattern: str, host: str) -> bool:
    if "[" in pattern and ":" in pattern:
        return host in expand(pattern)
    return fnmatch.fnmatchcase(host, pattern)


def _waived(verdict: Verdict, waivers: Sequence[Waiver], groups: Collection[str]) -> Verdict:
    of_host = [
        waiver
        for waiver in waivers
        if names_host(waiver, verdict.host, groups) and names_binary(waiver, verdict.path)
    ]
    findings = tuple(_marked(finding, of_host) for finding in verdict.findings)
    return decided(verdict, findings)


def _marked(finding: Finding, waivers: Sequence[Waiver]) -> Finding:
    found = next((waiver for waiver in waivers if _fits(waiver, finding)), None)
    if found is None:
        return structs.replace(finding, waived=None) if finding.waived else finding
    waived = Waived(reason=found.reason, expires=found.expires, place=found.place)
    return structs.replace(finding, waived=waived)


def _fits(waiver: Waiver, finding: Finding) -> bool:
    if finding.severity == "info" or finding.code in NEVER:
        return False
    subject = waiver.subject is None or fnmatch.fnmatchcase(finding.subject, waiver.subject)
    return subject and fnmatch.fnmatchcase(finding.code, waiver.code)


def _of_bundle(verdict: Verdict, members: Mapping[tuple[str, str], Verdict]) -> Verdict:
    """Return the verdict of a bundle, as its members turned out."""
    findings = tuple(
        _of_member(finding, members.get((verdict.binary, finding.subject)))
        if finding.code in _OF_MEMBERS and finding.waived is None
        else finding
        for finding in verdict.findings
    )
    return decided(verdict, findings)


def _of_member(finding: Finding, member: Verdict | None) -> Finding:
    reasons = [one for one in member.findings if one.severity == finding.severity] if member else []
    waived = [one.waived for one in reasons if one.waived is not None]
    if not reasons or len(waived) < len(reasons):
        return finding
    return structs.replace(finding, waived=waived[0])
