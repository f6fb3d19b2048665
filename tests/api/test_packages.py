"""What is asked of a package manager costs only who misses something, and breaks nothing."""

from __future__ import annotations

import pytest

import preflight
from preflight.model.host import Host
from preflight.model.question import Package
from preflight.probe import requests
from tests.builders.elf import build_elf

HERE = Host(name="here", transport="local")
LOADER = "/lib64/ld-linux-x86-64.so.2"


@pytest.fixture
def blocked(tmp_path):
    """A program that needs a library which no package has."""
    path = tmp_path / "app"
    path.write_bytes(build_elf(interpreter=LOADER, needed=["libc.so.6", "libno-such.so.1"]))
    return preflight.analyze(path)


def test_connection_lost_meanwhile_changes_no_verdict(blocked, monkeypatch):
    """The host goes away while its package manager works: what was found before stands."""
    whole = preflight.check([blocked], [HERE])
    monkeypatch.setattr(requests, "code", lambda: "kill -9 $$")

    cut = preflight.check([blocked], [HERE])

    assert cut.hosts[0].status == "probed"
    assert cut.hosts[0].reason is None
    assert cut.verdicts[0].outcome == whole.verdicts[0].outcome == "blocked"
    assert [f.code for f in cut.verdicts[0].findings] == ["library-missing"]
    assert cut.hosts[0].rounds == whole.hosts[0].rounds - 1


def test_deployable_host_is_never_sent_the_script(monkeypatch):
    """Nothing is missing: the question is not even written."""

    def never() -> str:
        raise AssertionError("a deployable host was asked for packages")

    monkeypatch.setattr(requests, "code", never)

    report = preflight.check([preflight.analyze("/bin/sh")], [HERE])

    assert report.verdicts[0].outcome == "deployable"


def test_answer_is_part_of_the_snapshot(blocked):
    """Judged offline, by saved facts, the remedies are the same."""
    report = preflight.check([blocked], [HERE])
    snapshot = report.hosts[0]

    again = preflight.judge(blocked, HERE.start, snapshot)

    assert any(isinstance(question, Package) for question in snapshot.answers)
    assert again.verdict.findings == report.verdicts[0].findings
