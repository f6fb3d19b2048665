"""The CPU's level against the marks of objects.  Source: x86-64 psABI; glibc dl-prop.h."""

from __future__ import annotations

import pytest

from preflight.judge import judge
from preflight.model.start import Start
from preflight.model.verdict import Verdict
from tests.builders import host as h

V1, V2, V3, V4 = 1, 3, 7, 15


def verdict(isa: int, *, release: str = "2.36", static: bool = False, **facts: object) -> Verdict:
    """Return what becomes of a program with this mark."""
    program = h.elf(type=2, isa_needed=isa) if static else h.program(isa_needed=isa)
    snapshot = h.snapshot(h.files({h.LOADER: h.loader(release)}), facts=facts)
    return judge(h.requirements(program), Start(), snapshot).verdict


@pytest.mark.parametrize(
    ("isa", "level", "outcome"),
    [
        (0, "x86-64", "deployable"),
        (V1, "x86-64", "deployable"),
        (V2, "x86-64", "blocked"),
        (V3, "x86-64-v3", "deployable"),
        (V4, "x86-64-v3", "blocked"),
        (V2, None, "unknown"),
        (V1, None, "deployable"),
    ],
)
def test_mark_against_the_cpu(isa, level, outcome):
    """A program starts where the CPU has all that it is marked for."""
    assert outcome == verdict(isa, cpu_level=level).outcome


def test_old_loader_does_not_look_at_marks():
    """Before 2.33 the mark means nothing."""
    assert verdict(V4, release="2.31").outcome == "deployable"


def test_static_program_is_only_warned_of():
    """Nobody checks a static program; it dies of an illegal instruction, perhaps."""
    severities = [finding.severity for finding in verdict(V4, static=True).findings]

    assert severities == ["warning"]


def test_loader_that_was_built_for_a_newer_cpu_ends_by_itself():
    """A distribution whose glibc wants x86-64-v3 starts nothing on an older CPU."""
    snapshot = h.snapshot(h.files({h.LOADER: h.loader(isa_needed=V3)}))

    said = judge(h.requirements(h.program()), Start(), snapshot).verdict

    assert said.predicted_error == "Fatal glibc error: CPU does not support x86-64-v3"
