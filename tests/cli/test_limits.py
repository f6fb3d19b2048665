"""Limits of a run by options: its time, its tries, its files."""

from __future__ import annotations

import json
import resource

import pytest

pytestmark = pytest.mark.slow


def test_run_over_its_deadline_is_reported(preflight, program, inventory, silent):
    """What is known by then is in the report, the rest is undetermined, and somebody says so."""
    port = silent.getsockname()[1]
    inventory(here="transport: local", hung=f"address: 127.0.0.1, port: {port}")
    limits = ["--connect-timeout", "60", "--deadline", "8"]

    result = preflight("check", program(), *limits, "--format", "json")

    report = json.loads(result.out)
    assert 3 == result.status
    assert {"here": ("probed", None), "hung": ("not-run", "deadline")} == {
        host["name"]: (host["status"], host["cause"]) for host in report["hosts"]
    }
    assert "preflight: warning: the run's time was over; 1 of 2 hosts were not done\n" == result.err


def test_too_few_files_are_told(preflight, program, inventory):
    """Where the system allows too few open files, forks are lowered with a line that says so."""
    inventory(**{f"h{n}": "transport: local" for n in range(40)})

    def few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (150, 150))

    result = preflight("check", program(), "--forks", "40", preexec_fn=few_files)

    first, hint, *_ = result.err.splitlines()
    assert 0 == result.status
    assert first.startswith("preflight: warning: forks lowered from 40 to ")
    assert first.endswith("at most 150 files may be open")
    assert "preflight: hint: ulimit -n" == hint
