"""What to do next."""

from __future__ import annotations

import pytest
from msgspec import structs

from preflight.report.advice import advice
from tests.builders.report import finding, host, lost_host, not_probed, report, verdict


def test_success_needs_no_advice():
    """Neither does a warning: it is told in its place."""
    assert list(advice(report([verdict("a", finding(severity="warning"))]))) == []


def test_errors_are_explained_before_unknowns():
    """The most frequent errors first, at most three, each once."""
    codes = ["a", "b", "b", "c", "d"]
    verdicts = [verdict(f"h{i}", finding(code=code)) for i, code in enumerate(codes)]
    verdicts += [verdict(f"u{i}", finding(code="z", severity="unknown")) for i in range(9)]

    lines = list(advice(report(verdicts)))

    assert lines == ["preflight explain b", "preflight explain a", "preflight explain c"]


def test_rest_can_be_run_again():
    """Hosts that could not be asked stand ready for the next command line, quoted."""
    hosts = [host("a"), lost_host("db-1"), lost_host("db-2"), lost_host("x;y")]
    verdicts = [verdict(each.host, not_probed()) for each in hosts[1:]]

    assert list(advice(report(verdicts, hosts=hosts))) == [
        "run again for the rest: -l 'db-[1-2],x;y'"
    ]


def test_many_unlike_names_are_not_repeated():
    """An option longer than the line is no help."""
    hosts = [lost_host(name) for name in ("a", "b", "c", "d", "e")]

    assert list(advice(report([], hosts=hosts))) == []


@pytest.mark.parametrize(
    ("cause", "word"),
    [
        ("host-key-unknown", "fingerprint"),
        ("host-key-changed", "find out why"),
        ("host-key-certificate", "renew"),
        ("revoked-keys-unreadable", "RevokedHostKeys"),
        ("auth-refused", "identity_file"),
        ("no-credential", "-k"),
        ("key-unreadable", "ssh-add"),
        ("password-refused", "user"),
        ("become-failed", "-K"),
        ("connect-timeout", "--connect-timeout"),
        ("banner-timeout", "listens at that port"),
        ("deadline", "--timeout"),
        ("answer-timeout", "--answer-timeout"),
        ("too-many-connections", "--rate"),
        ("no-shell", "login shell"),
    ],
)
def test_cause_has_its_cure(cause: str, word: str):
    """A host key is never just accepted, a refused key is named where it is set."""
    (line,) = advice(report([], hosts=[lost_host("a", cause=cause)]))

    assert word in line


def test_deadline_of_the_run_is_not_a_host_s():
    """Hosts that a run had no time for want more of the run's."""
    host = structs.replace(lost_host("a", cause="deadline"), status="not-run")

    (line,) = advice(report([], hosts=[host]))

    assert "--deadline" in line


def test_facts_do_not_grow_by_a_second_run():
    """Who is not in the facts is to be recorded first."""
    lost = structs.replace(lost_host("a", cause="no-facts"), status="not-run")

    (line,) = advice(report([], hosts=[host("b"), lost]))

    assert "preflight probe --save" in line


def test_hosts_that_were_spared_wait_for_the_others():
    """Where the lock-out guard stopped, the log-in is to be mended with one host first."""
    host = structs.replace(lost_host("a", cause="auth-stopped"), status="not-run")

    assert list(advice(report([], hosts=[host]))) == [
        "mend the log-in to one of the hosts that refused it, then run again"
    ]
