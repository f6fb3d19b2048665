"""Real hosts by the real command and the system's ssh: the same verdicts, and the same causes."""

from __future__ import annotations

import pytest

from tests.cli.test_fleet import LIVE, UNASKED, by_host, json_of
from tests.hosts.fleet import Fleet


@pytest.mark.slow
def test_the_fleet_is_judged_as_by_our_own_ssh(run, program, fleet: Fleet):
    """Every host has the verdict, or the status and cause, that it has otherwise."""
    bad = program(needed=["libc.so.6", "libnowhere.so.1"])
    slow = ("--connect-timeout", "3", "--timeout", "15", "--progress", "none")
    by_ssh = ("--transport", "openssh", *slow, "--format", "json")

    report = json_of(run("check", bad, "-i", fleet.inventory, *by_ssh))

    hosts = by_host(report)
    outcomes = {verdict["host"]: verdict["outcome"] for verdict in report["verdicts"]}
    assert dict.fromkeys(LIVE, "blocked") == {name: outcomes[name] for name in LIVE}
    assert {name: (status, cause) for name, (status, cause, _) in UNASKED.items()} == {
        name: (hosts[name]["status"], hosts[name]["cause"]) for name in UNASKED
    }


def test_the_loader_of_a_host_proves_it_over_one_log_in(run, program, fleet: Fleet):
    """The proof, which needs further commands, is one log-in with the probe."""
    logins = fleet.log.read_text().count("Accepted publickey")
    prove = ("--prove", "--transport", "openssh", "-l", "bookworm", "--format", "json")

    report = json_of(run("check", program(), "-i", fleet.inventory, *prove))

    assert "deployable" == report["verdicts"][0]["outcome"]
    assert "proof" in report["verdicts"][0]
    assert logins + 1 == fleet.log.read_text().count("Accepted publickey")
