"""The hosts that a rollout may go to."""

from __future__ import annotations

import msgspec
import pytest

from preflight.report import View
from preflight.report.names import render
from tests.builders.report import binary, finding, host, not_probed, report, verdict


def test_hosts_on_which_every_binary_is_deployable_are_listed():
    """One blocked or unknown binary takes a host off the list; a warning does not."""
    warning = finding(severity="warning")
    given = report(
        [
            *(verdict(name) for name in ("c", "a", "b", "lost")),
            verdict("c", warning, number=2),
            verdict("a", finding(), number=2),
            verdict("b", number=2),
            verdict("lost", not_probed(), number=2),
        ],
        binaries=[binary(), binary("tool", 2)],
    )

    assert list(render(given, View())) == ["c\n", "b\n"]


def test_host_without_a_verdict_is_not_listed():
    """What an interrupted run did not judge is not deployable."""
    given = report([verdict("a")], hosts=[host("a"), host("b")])

    assert list(render(given, View())) == ["a\n"]


@pytest.mark.parametrize(
    "name", ["a b", "a\nb", "-oProxyCommand=x", "a'b", 'a"b', "a\\b", "", "a\x9b", "a\u202eb"]
)
def test_name_that_xargs_would_change_is_left_out(name: str):
    """A rollout that misses a host is better than one that hits another."""
    assert list(render(report([verdict(name)]), View())) == []


def test_report_without_binaries_has_no_names():
    """Nothing to ship is no reason to ship it anywhere."""
    given = msgspec.structs.replace(report([], hosts=[host("a")]), binaries=())

    assert list(render(given, View())) == []
