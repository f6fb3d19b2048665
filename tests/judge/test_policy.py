"""What a security policy on the host means for a verdict."""

from __future__ import annotations

from preflight.judge import judge
from preflight.model.question import Stat
from preflight.model.start import Start
from tests.builders import host as h


def test_running_fapolicyd_leaves_the_verdict_unknown():
    """Whether it trusts the program cannot be read from outside."""
    answers = h.files({}) | {Stat("/run/fapolicyd.pid"): h.state(mode=0o100644)}

    verdict = judge(h.requirements(h.program()), Start(), h.snapshot(answers)).verdict

    assert verdict.outcome == "unknown"


def test_enforcing_selinux_is_worth_a_note():
    """An unconfined user may run the program: the verdict stands."""
    host = h.snapshot(facts={"selinux": "enforcing"})

    verdict = judge(h.requirements(h.program()), Start(), host).verdict

    assert [(f.code, f.severity) for f in verdict.findings] == [("exec-policy", "info")]
    assert verdict.outcome == "deployable"
