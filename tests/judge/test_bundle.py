"""The members of a bundle seen together: which of them is the reason."""

from __future__ import annotations

import pytest
from msgspec import structs

from preflight.judge.bundle import Part, settle
from preflight.model.codes import CODES
from preflight.model.requirements import Bundle, Entry, Requirements
from preflight.model.start import Start
from preflight.model.verdict import Finding, Library, Severity, Verdict
from tests.builders import host as h

BUNDLE = Bundle(
    entries=(
        Entry(path="", kind="directory", number=0),
        Entry(path="lib", kind="directory", number=1),
        Entry(path="lib/libx.so.1", kind="symlink", number=2, target="libx.so.1.0"),
        Entry(path="lib/libx.so.1.0", kind="file", number=3),
    ),
    members=(),
)
PLACED = Start(bundle=BUNDLE, bundle_root="/opt/app")
LIBX = Library(name="libx.so.1", path="/opt/app/bin/../lib/libx.so.1", needed_by=(), rule=None)


def part(inner: str, image, *findings: Finding, libraries=(), start: Start = PLACED) -> Part:
    """Return a member that was judged."""
    needs = h.requirements(
        image, id=inner, inner=inner, name=inner.rpartition("/")[2], member_of="b1"
    )
    outcomes = {"error": "blocked", "unknown": "unknown"}
    outcome = next((outcomes[f.severity] for f in findings if f.severity in outcomes), "deployable")
    path = f"/opt/app/{inner}" if start.bundle_root else None
    verdict = Verdict(
        host="h", binary=inner, path=inner, outcome=outcome, findings=findings, libraries=libraries
    )
    return Part(needs, structs.replace(start, install_path=path), verdict)


def bundle(*members: Part) -> dict[str, Verdict]:
    """Return the verdicts on a bundle and its members, by id."""
    needs = Requirements(
        id="b1",
        path="a.tar",
        name="a.tar",
        sha256="",
        size_bytes=1,
        format="archive",
        description="an archive",
    )
    refused = found("format-not-elf", "a.tar")
    verdict = Verdict(host="h", binary="b1", path="a.tar", outcome="blocked", findings=(refused,))
    return {v.binary: v for v in settle([Part(needs, Start(), verdict), *members])}


def found(code: str, subject: str, severity: Severity = "error") -> Finding:
    """Return a finding."""
    return Finding(code=code, severity=severity, subject=subject, message=f"{code} {subject}")


def test_good_members_make_a_good_bundle():
    """The bundle itself need not be a program."""
    assert "deployable" == bundle(part("bin/app", h.program()))["b1"].outcome


@pytest.mark.parametrize(
    ("severity", "code", "outcome"),
    [
        ("error", "member-blocked", "blocked"),
        ("unknown", "member-unknown", "unknown"),
        ("warning", "member-warning", "deployable"),
    ],
)
def test_the_worst_member_is_the_reason(severity, code, outcome):
    """It is named, with what was found of it and how to mend that."""
    bad = part("bin/bad", h.program(), found("library-missing", "liby.so", severity))

    whole = bundle(part("bin/good", h.program()), bad)["b1"]

    (finding,) = whole.findings
    assert (outcome, code, "bin/bad") == (whole.outcome, finding.code, finding.subject)
    assert finding.message == "bin/bad: library-missing liby.so"
    assert CODES[code].remedy == finding.remedy


def test_a_library_that_a_program_loads_is_judged_with_it():
    """What it lacks by itself, the program's search paths may find; links lead to it, too."""
    program = part("bin/app", h.program("libx.so.1"), libraries=(LIBX,))
    library = part("lib/libx.so.1.0", h.elf(), found("library-missing", "liby.so"))

    verdicts = bundle(program, library)

    assert "deployable" == verdicts["b1"].outcome
    assert ["member-loaded"] == [f.code for f in verdicts["lib/libx.so.1.0"].findings]


def test_a_library_that_nobody_loads_may_find_its_sisters_loaded():
    """A plugin that lacks a library of the bundle is unknown, one that lacks another blocked."""
    sister = part("lib/p.so", h.elf(), found("library-missing", "libx.so.1"))
    other = part("lib/p.so", h.elf(), found("library-missing", "liby.so"))

    assert "unknown" == bundle(sister)["b1"].outcome
    assert "blocked" == bundle(other)["b1"].outcome


def test_a_library_for_another_machine_is_not_for_this_host():
    """A bundle for several machines has libraries that no host loads all of."""
    foreign = part("lib/a.so", h.elf(machine=183), found("machine-mismatch", "aarch64"))

    assert "deployable" == bundle(part("bin/app", h.program()), foreign)["b1"].outcome
    assert "blocked" == bundle(foreign)["b1"].outcome


def test_without_a_place_a_missing_library_of_its_own_is_unknown():
    """Where the bundle will lie may be just where the program looks."""
    lost = found("library-missing", "libx.so.1")
    nowhere = structs.replace(PLACED, bundle_root=None)

    assert "unknown" == bundle(part("bin/app", h.program(), lost, start=nowhere))["b1"].outcome
    assert "blocked" == bundle(part("bin/app", h.program(), lost))["b1"].outcome
