"""The file that limits a playbook to the hosts that a rollout may go to."""

from __future__ import annotations

import pytest

from preflight.report import FORMATS, View
from tests.builders.report import finding, report, verdict

render = FORMATS["ansible-limit"]


def test_deployable_hosts_are_listed():
    """One name a line, in the order of the inventory."""
    given = report([verdict("b"), verdict("bad", finding()), verdict("a"), verdict("2001:db8::1")])

    assert list(render(given, View())) == ["b\n", "a\n", "2001:db8::1\n"]


def test_no_deployable_host_limits_to_nobody():
    """An empty file would be no limit at all to Ansible, and the playbook run everywhere."""
    assert list(render(report([verdict("bad", finding())]), View())) == ["!all\n"]
    assert list(render(report([]), View())) == ["!all\n"]


@pytest.mark.parametrize(
    "name",
    ["a*", "a?", "web[0]", "web[1:3]", "!a", "&a", "~a.*", "@f", "a:b", "a,b", "#a", "all", "-a"],
)
def test_name_that_is_a_pattern_is_left_out(name):
    """A rollout that misses a host is better than one that hits another."""
    assert list(render(report([verdict("a"), verdict(name)]), View())) == ["a\n"]
