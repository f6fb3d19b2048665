"""The stage on which scenarios are laid out, and the one assertion on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conformance import judged, real
from tests.conformance.scenario import Scenario
from tests.conformance.stage import Stage
from tests.conftest import skip_or_fail
from tests.hosts import roots, runs
from tests.hosts.needs import missing

Agreement = Callable[[Scenario, str], None]


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Yield the place for scenarios; skips where nobody can mount a root."""
    if reason := missing():
        skip_or_fail(reason)
    roots.build()
    with runs.started() as directory:
        yield Stage(directory)


@pytest.fixture
def agree(stage: Stage) -> Agreement:
    """Return the check that preflight and the real loader say the same of a scenario."""

    def check(scenario: Scenario, name: str) -> None:
        with stage.laid_out(scenario, name) as root:
            verdict = judged.verdict_on(root, scenario)
            ending = real.start(root, scenario)
        worse = {f"{f.code} {f.subject}" for f in verdict.findings if f.severity != "info"}
        really = {
            "outcome": "blocked" if ending.status else "deployable",
            "line": ending.line if ending.status else None,
            "exit": ending.status or None,
            "finds": scenario.findings_on(name),
        }

        said = {
            "outcome": verdict.outcome,
            "line": verdict.predicted_error,
            "exit": verdict.predicted_exit,
            "finds": worse,
        }

        if scenario.silent:
            really["line"] = None
        if scenario.undone:
            really |= {"outcome": "unknown", "line": None, "exit": None}
        wrong = [
            f"{key}: {really[key]!r}, not {said[key]!r}" for key in said if really[key] != said[key]
        ]
        assert not wrong, "\n".join(wrong)

    return check
