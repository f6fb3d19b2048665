"""Prediction and trace are compared by what they name, and a difference is named, too."""

from __future__ import annotations

import pytest

from preflight.judge.proof import compare, depends_on_origin, unprovable, with_proof
from preflight.model.proof import Trace
from preflight.model.snapshot import Snapshot
from preflight.model.start import Opener, Start
from preflight.model.verdict import Finding, Library, Verdict
from tests.builders import host as h

COPY = "/opt/.preflight-0/program"
START = Start(install_path="/opt/app")
NEEDS = h.requirements(h.program("libc.so.6"))
LIBC = "\tlibc.so.6 => /lib/libc.so.6 (0x00007f00)"


def _verdict(*findings, outcome="deployable", **fields):
    libc = Library(name="libc.so.6", path="/lib/libc.so.6", needed_by=("/opt/app",), rule="cache")
    values = {"libraries": (libc,), **fields}
    return Verdict(host="a", binary="b1", path="app", outcome=outcome, findings=findings, **values)


def _finding(code, subject, severity="error", needed_by="/opt/app"):
    return Finding(code=code, severity=severity, subject=subject, message="", needed_by=needed_by)


def _compared(verdict, *lines, status=0):
    return compare(NEEDS, START, verdict, Trace(lines=lines, status=status, program=COPY))


SAME = [
    (None, ["\tlinux-vdso.so.1 (0x1)"]),
    (_finding("library-missing", "liba.so"), ["\tliba.so => not found"]),
    (
        _finding("version-missing", "libc.so.6:GLIBC_2.99"),
        [f"{COPY}: /lib/libc.so.6: version `GLIBC_2.99' not found (required by {COPY})"],
    ),
    (_finding("symbol-missing", "f"), [f"undefined symbol: f\t({COPY})"]),
    (
        _finding("symbol-missing-lazy", "f@V1", "warning", "/lib/libb.so"),
        ["undefined symbol: f, version V1\t(/lib/libb.so)"],
    ),
    (
        _finding("symbol-missing", "f@V1"),
        [f"symbol f, version V1 not defined in file liba.so with link time reference\t({COPY})"],
    ),
    (_finding("symbol-missing", "f"), [f"Error relocating {COPY}: f: symbol not found"]),
]


@pytest.mark.parametrize(("finding", "lines"), SAME)
def test_same_thing_in_other_words_agrees(finding, lines):
    """What the loader says of the copy is what was predicted of the program."""
    proof = _compared(_verdict(*([finding] if finding else [])), LIBC, *lines)

    assert (proof.agrees, proof.differences) == (True, ())


@pytest.mark.parametrize("finding", [finding for finding, _ in SAME[1:]])
def test_what_is_predicted_and_not_said_disagrees(finding):
    """A finding that the trace does not have is named as a difference."""
    proof = _compared(_verdict(finding), LIBC)

    assert proof.agrees is False
    assert all(line.startswith("predicted, but not said: ") for line in proof.differences)


@pytest.mark.parametrize("lines", [lines for _, lines in SAME[1:]])
def test_what_is_said_and_not_predicted_disagrees(lines):
    """A line of the trace that nobody predicted is named as a difference."""
    proof = _compared(_verdict(), LIBC, *lines)

    assert proof.agrees is False
    assert proof.differences[0].startswith("said, but not predicted: ")


def test_another_file_is_a_difference():
    """A library that comes from another place than predicted is told on both sides."""
    proof = _compared(_verdict(), "\tlibc.so.6 => /opt/libc.so.6 (0x1)")

    assert proof.differences == (
        "predicted, but not said: file loaded /lib/libc.so.6",
        "said, but not predicted: file loaded /opt/libc.so.6",
    )


def test_line_that_ends_the_start_is_compared_word_for_word():
    """Where the loader stops in its own words, those were predicted or not."""
    line = "error while loading shared libraries: /lib/liba.so: invalid ELF header"
    verdict = _verdict(_finding("library-unusable", "liba.so"), predicted_error=f"/opt/app: {line}")

    assert _compared(verdict, f"{COPY}: {line}", status=127).agrees is True
    assert _compared(verdict, LIBC).agrees is False


def test_loader_that_crashes_disagrees():
    """A trace that a signal ended is not the trace of a start that was predicted to go well."""
    assert (
        "the loader was ended by signal 11" in _compared(_verdict(), LIBC, status=139).differences
    )


def test_disagreement_makes_the_verdict_unknown():
    """A host's loader that says otherwise takes the certainty from a good verdict."""
    trace = Trace(lines=("\tlibc.so.6 => not found",), status=0, program=COPY)

    verdict = with_proof(NEEDS, START, _verdict(), trace)

    assert verdict.outcome == "unknown"
    assert [finding.code for finding in verdict.findings] == ["proof-disagrees"]
    assert verdict.findings[0].evidence == verdict.proof.differences


def test_refused_trace_changes_nothing():
    """Without a trace the verdict is what it was, and the reason stands beside it."""
    verdict = with_proof(NEEDS, START, _verdict(), Trace(refused="full", left="/tmp/x"))

    assert verdict.outcome == "deployable"
    proof = verdict.proof
    assert (proof.agrees, proof.refused, proof.left) == (None, "full", "/tmp/x")


@pytest.mark.parametrize(
    ("elf", "start", "reason"),
    [
        (h.program(interpreter=None), START, "names no loader"),
        (h.program(interpreter="ld.so"), START, "working directory"),
        (h.program(), Start(secure=True), "secure"),
        (h.elf(), Start(loaded_by=Opener(requirements=NEEDS)), "by itself"),
    ],
)
def test_what_no_loader_can_be_asked_is_not_tried(elf, start, reason):
    """There is no proof of what a trace could not show, and the reason is said."""
    snapshot = Snapshot(host="a", address="a", status="probed")

    assert reason in unprovable(h.requirements(elf), start, snapshot)


def test_origin_counts_wherever_it_stands():
    """$ORIGIN in the program's own paths or in the environment ties it to its directory."""
    env = Start(env=(("LD_LIBRARY_PATH", "$ORIGIN/lib"),))

    assert not depends_on_origin(NEEDS, START)
    assert depends_on_origin(NEEDS, env)
    assert depends_on_origin(h.requirements(h.program(runpath="${ORIGIN}/lib")), START)
