"""What the facts of a host mean for a binary."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, structs

from preflight.model.proof import Proof

Severity = Literal["error", "unknown", "warning", "info"]
Outcome = Literal["deployable", "blocked", "unknown"]


class Remedy(Struct, frozen=True, kw_only=True):
    """One way to mend a finding; advice, never part of the verdict."""

    where: Literal["host", "build"]
    text: str
    command: str | None = None  # to be typed, or the beginning of what a build would run
    certainty: Literal["stated", "naming-rule"]  # naming-rule: no more than that
    # By the host's own package manager; None where it was not asked, or cannot tell offline.
    package: str | None = None
    installed: str | None = None  # its version
    candidate: str | None = None  # the version that would be installed
    satisfies: bool | None = None  # whether that would mend the finding
    source: str | None = None  # "apt lists", "dnf cache", "apk index" ...


class Waived(Struct, frozen=True, kw_only=True):
    """Why a finding does not count, until the end of the day *expires* (ISO 8601)."""

    reason: str
    expires: str
    place: str  # of the waiver: "waivers.yaml:3"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that preflight has to say about one binary on one host."""

    code: str  # a key of preflight.model.codes.CODES
    severity: Severity
    subject: str  # a soname, a version node, a path, a CPU level
    message: str
    needed_by: str | None = None
    evidence: tuple[str, ...] = ()  # what was tried, in the loader's order
    remedy: str | None = None  # its code's, in general
    remedies: tuple[Remedy, ...] = ()  # on that host and in that build, the likeliest first
    waived: Waived | None = None  # it is told, and does not decide

    @property
    def counts_as(self) -> Severity:
        """Its severity; of what is waived no more than a warning is left."""
        return "warning" if self.waived is not None else self.severity


class Step(Struct, frozen=True):
    """One place where the loader looks for a library, and what it found there."""

    rule: str
    path: str
    result: str  # "no such file", "skipped: wrong ELF class", "found" …


class Library(Struct, frozen=True, kw_only=True):
    """One object of the start, in the loader's order; path None: not found."""

    name: str
    path: str | None
    needed_by: tuple[str, ...]
    rule: str | None
    tried: tuple[Step, ...] = ()


class Verdict(Struct, frozen=True, kw_only=True):
    """Would this binary start on this host?"""

    host: str
    binary: str  # Requirements.id
    path: str
    outcome: Outcome
    predicted_error: str | None = None
    predicted_exit: int | None = None
    findings: tuple[Finding, ...] = ()
    libraries: tuple[Library, ...] = ()
    loaded_by: str | None = None  # the path, as given, of the program that opens the library
    proof: Proof | None = None  # None: nobody asked for one


def outcome_of(findings: tuple[Finding, ...]) -> Outcome:
    """Return what the contract derives: any error, else any unknown, else deployable."""
    severities = {finding.severity for finding in findings if finding.waived is None}
    if "error" in severities:
        return "blocked"
    return "unknown" if "unknown" in severities else "deployable"


def decided(verdict: Verdict, findings: tuple[Finding, ...]) -> Verdict:
    """Return *verdict* by other *findings*; what it predicts stays where it is still blocked."""
    if findings == verdict.findings:
        return verdict
    outcome = outcome_of(findings)
    kept = verdict.outcome == outcome == "blocked"
    return structs.replace(
        verdict,
        outcome=outcome,
        findings=findings,
        predicted_error=verdict.predicted_error if kept else None,
        predicted_exit=verdict.predicted_exit if kept else None,
    )
