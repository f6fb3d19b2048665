"""How a symbol that is not there is told."""

from __future__ import annotations

from preflight.judge import judge
from preflight.model.start import Start
from tests.builders import host as h
from tests.builders.symbols import table


def test_function_bound_when_called_says_how_the_call_ends():
    """The program starts all the same; that it can end later is what the warning is about."""
    needs = h.requirements(h.program(symbols=table("gone", uses=2)))

    (finding,) = judge(needs, Start(), h.snapshot()).verdict.findings

    assert finding.message == (
        "nothing that is loaded defines gone: the program starts, and ends with 127 "
        "where ./app calls it"
    )
