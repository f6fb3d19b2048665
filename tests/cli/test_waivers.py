"""Findings that are accepted until a date."""

from __future__ import annotations

import datetime as dt
import json

import pytest

NEEDS = "requires: {commands: {no-such-command: '*'}}\n"
LATER = (dt.datetime.now().astimezone() + dt.timedelta(days=30)).date().isoformat()
EARLIER = (dt.datetime.now().astimezone() - dt.timedelta(days=2)).date().isoformat()
TODAY = dt.datetime.now().astimezone().date().isoformat()


@pytest.fixture
def waivers(tmp_path):
    (tmp_path / "preflight.yaml").write_text(NEEDS)

    def write(code="requirement-command", expires=LATER, host="localhost", extra=""):
        text = f"- {{code: {code}, host: '{host}', reason: OPS-1, expires: {expires}{extra}}}\n"
        (tmp_path / "w.yaml").write_text(text)
        return "w.yaml"

    return write


def test_a_waived_finding_is_shown_and_does_not_block(run, waivers):
    """The exit status is that of a deployable host; the finding and its reason stay in sight."""
    table = run("check", "--local", "--waivers", waivers())
    report = run(
        "check", "--local", "--waivers", waivers(), "--format", "json", "--format", "jsonl=l"
    )
    again = run("report", "l", "--format", "table")
    strict = run("check", "--local", "--waivers", waivers(), "--fail-on", "warning")

    assert (table.status, report.status, strict.status) == (0, 0, 0)
    assert "waives nothing" not in table.err
    for out in (table.out, again.out):
        assert "requirement-command: no-such-command is not there" in out
        assert f"waived     until {LATER}: OPS-1" in out
    (verdict,) = json.loads(report.out)["verdicts"]
    assert verdict["outcome"] == "deployable"
    assert verdict["findings"][0]["severity"] == "error"
    assert verdict["findings"][0]["waived"] == {
        "reason": "OPS-1",
        "expires": LATER,
        "place": "w.yaml:1",
    }


def test_the_day_of_expiry_is_the_last(run, waivers):
    """On that day it holds; after it there is a warning, and no effect."""
    today = run("check", "--local", "--waivers", waivers(expires=TODAY))
    late = run("check", "--local", "--waivers", waivers(expires=EARLIER))

    assert (today.status, late.status) == (0, 1)
    assert f"w.yaml:1: the waiver of requirement-command expired on {EARLIER}" in late.err
    assert "expired" not in today.err


def test_a_waiver_without_use_is_warned_of(run, waivers):
    """Unless it is for hosts or binaries that were not in the run."""
    unused = run("check", "--local", "--waivers", waivers(code="requirement-disk"))
    elsewhere = run("check", "--local", "--waivers", waivers(host="db-*"))

    assert "w.yaml:1: the waiver of requirement-disk waives nothing" in unused.err
    assert "waives nothing" not in elsewhere.err
    assert (unused.status, elsewhere.status) == (1, 1)


def test_waivers_hold_for_saved_facts_too(run, waivers):
    """Judged offline, by those of the manifest or of a file."""
    run("probe", "--local", "--save", "facts.jsonl")
    plain = run("check", "--facts", "facts.jsonl")
    waived = run("check", "--facts", "facts.jsonl", "--waivers", waivers())

    assert (plain.status, waived.status) == (1, 0)


def test_a_waiver_of_the_manifest_counts(run, tmp_path):
    """It stands beside the needs."""
    own = f"waivers: [{{code: 'requirement-*', host: all, reason: r, expires: {LATER}}}]\n"
    (tmp_path / "preflight.yaml").write_text(NEEDS + own)

    assert run("check", "--local").status == 0


@pytest.mark.parametrize(
    "name", ["junit", "github", "gitlab", "sarif", "markdown", "prometheus", "html"]
)
def test_every_format_tells_what_is_waived(run, waivers, tmp_path, name):
    """It stands there with its reason, and as no failure; a manifest is a binary like others."""
    before = run("check", "--local", "--format", f"{name}={tmp_path / 'before'}")
    after = run(
        "check", "--local", "--waivers", waivers(), "--format", f"{name}={tmp_path / 'after'}"
    )
    blocked, waived = ((tmp_path / which).read_text() for which in ("before", "after"))

    assert (before.status, after.status) == (1, 0)
    assert "preflight.yaml" in blocked
    assert "requirement-command" in waived
    if name != "prometheus":
        assert "OPS-1" in waived
        assert "OPS-1" not in blocked
    else:
        assert 'code="requirement-command",severity="warning"} 1' in waived
    if name == "junit":
        assert ('failures="1"' in blocked, 'failures="0"' in waived) == (True, True)
    if name == "sarif":
        assert json.loads(waived)["runs"][0]["results"][0]["suppressions"] == [
            {"kind": "external", "justification": "OPS-1"}
        ]


def test_a_waived_warning_is_no_warning_to_scripts(run, program, tmp_path):
    """With --fail-on warning it no longer counts."""
    app = program(version_needs={"libc.so.6": ["V_9"]}, weak_versions=["V_9"])
    waiver = f"{{code: version-weak-missing, host: all, reason: r, expires: {LATER}}}"
    (tmp_path / "w.yaml").write_text(f"- {waiver}\n")

    options = ("check", "--local", "--fail-on", "warning", app)
    assert run(*options).status == 4
    assert run(*options, "--waivers", "w.yaml").status == 0
