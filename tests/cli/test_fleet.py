"""Real hosts by the real command: what each odd one is called, and that none harms the others."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.hosts.fleet import Fleet

QUICK = ("--connect-timeout", "2", "--timeout", "8", "--progress", "none")
# A name that a shell would run, and one that a terminal would obey.
COMMAND = "$(touch /tmp/pwned);'\""
RELATIVE = "`touch pwned`;$(touch pwned);'\""
CONTROL = "lib\nred\x1b[31m.so"
LIVE = ("bullseye", "bookworm", "trixie", "sid", "i386", "musl", "bastion", "behind", "noisy")
UNASKED = {
    "closed": ("unreachable", "connection-refused", "Connection refused"),
    "silent": ("timeout", "banner-timeout", "said nothing for 2 s"),
    "changed": ("host-key", "host-key-changed", "which is not the one of"),
    "unknown": ("host-key", "host-key-unknown", "no line for"),
    "refused": ("auth-failed", "auth-refused", "does not let 'deploy' in"),
    "nologin": ("error", "no-shell", "This account is currently not available."),
    "hung": ("timeout", "deadline", "the host's time was over"),
    "flood": ("error", "output-limit", "before the first answer"),
    "forced": ("error", "no-shell", "This account is closed"),
}


def json_of(result) -> dict:
    """Return the report; the command said nothing besides."""
    assert result.err == ""
    return json.loads(result.out)


def by_host(report: dict) -> dict[str, dict]:
    """Return the hosts of a report by name."""
    return {host["name"]: host for host in report["hosts"]}


@pytest.mark.slow
def test_odd_hosts_have_their_cause_and_the_others_their_verdict(run, program, fleet: Fleet):
    """One run over everything: exact status and cause of each, a verdict wherever one can be."""
    bad = program(needed=["libc.so.6", "libnowhere.so.1"])

    result = run("check", bad, "-i", fleet.inventory, *QUICK, "--format", "json")

    report = json_of(result)
    hosts = by_host(report)
    outcomes = {verdict["host"]: verdict["outcome"] for verdict in report["verdicts"]}
    assert 1 == result.status
    for name, (status, cause, reason) in UNASKED.items():
        assert (status, cause) == (hosts[name]["status"], hosts[name]["cause"])
        assert reason in hosts[name]["reason"]
        assert "\n" not in hosts[name]["reason"]
        assert "unknown" == outcomes[name]
    for name in LIVE:
        assert ("probed", None) == (hosts[name]["status"], hosts[name]["cause"])
        assert "blocked" == outcomes[name]


def test_table_gives_the_reasons(run, program, fleet: Fleet):
    """People read why a host could not be asked, and what to do."""
    odd = ["-l", "closed,changed,nologin"]

    result = run("check", program(), "-i", fleet.inventory, *QUICK, *odd)

    assert (3, "") == (result.status, result.err)
    assert "unreachable (connection-refused): closed" in result.out
    assert "host-key (host-key-changed): changed" in result.out
    assert "error (no-shell): nologin" in result.out
    assert "run again for the rest: -l" in result.out


def test_new_hosts_are_recorded_once(run, program, fleet: Fleet, tmp_path):
    """With accept-new unknown hosts are asked, and the next run knows them by the same file."""
    inventory = fleet.directory / "all-new.yaml"
    inventory.write_text(fleet.inventory.read_text().replace(", known_hosts: known_hosts", ""))
    known = tmp_path / "new_hosts"
    options = ["-i", inventory, "-l", "unknown,behind", *QUICK, "--known-hosts", known]
    options += ["--format", "json"]

    new = run("check", program(), *options, "--host-key-checking", "accept-new")
    again = run("check", program(), *options)

    assert f"preflight: warning: {known}: new host keys were recorded\n" == new.err
    states = {host["host_key"] for host in json.loads(new.out)["hosts"]}
    assert {"accepted-new"} == states
    assert {"verified"} == {host["host_key"] for host in json_of(again)["hosts"]}
    assert 3 == len(known.read_text().splitlines())  # bastion too


def test_a_run_without_host_keys_says_so(run, program, fleet: Fleet):
    """With off even a changed host is asked; a warning and the report say that none is verified."""
    options = ["-l", "bookworm,changed,unknown", *QUICK, "--format", "json"]

    result = run("check", program(), "-i", fleet.inventory, *options, "--host-key-checking", "off")

    (line,) = result.err.splitlines()
    assert line.startswith("preflight: warning: host keys are not verified")
    hosts = json.loads(result.out)["hosts"]
    assert [("probed", "not-verified")] * 3 == [(h["status"], h["host_key"]) for h in hosts]


def test_host_behind_a_bastion_without_its_key(run, program, fleet: Fleet):
    """A jump host that cannot be trusted is the reason for the hosts behind it."""
    bad = fleet.directory / "bad-jump.yaml"
    lines = fleet.inventory.read_text().replace("jump: bastion", "jump: changed")
    bad.write_text(lines)

    report = json_of(run("check", program(), "-i", bad, *QUICK, "-l", "behind", "--format", "json"))

    assert ("host-key", "jump-failed") == (
        report["hosts"][0]["status"],
        report["hosts"][0]["cause"],
    )


@pytest.fixture
def hostile(program) -> Path:
    """A program that needs libraries with hostile names."""
    return program(needed=["libc.so.6", COMMAND, RELATIVE, CONTROL])


def test_hostile_names_run_nowhere(run, fleet: Fleet, hostile):
    """A name that is a command creates nothing on a host or here, and is exact in JSON."""
    # A name with a slash is a path from the working directory.
    options = ["-l", ",".join(LIVE), "--cwd", "/", "--format", "json"]

    report = json_of(run("check", hostile, "-i", fleet.inventory, *options))

    assert set(LIVE) == {verdict["host"] for verdict in report["verdicts"]}
    for verdict in report["verdicts"]:
        missing = [f["subject"] for f in verdict["findings"] if f["code"] == "library-missing"]
        # Where there is no x86-64 glibc the names are never looked for.
        nowhere = verdict["host"] in {"i386", "musl"}
        expected = [] if nowhere else [COMMAND, RELATIVE, CONTROL]
        assert expected == missing
    assert not Path("pwned").exists()
    roots = [Path("/"), *(fleet.root(name) for name in LIVE)]
    places = [root / place / "pwned" for root in roots for place in ("", "root", "tmp")]
    assert [] == [place for place in places if os.path.lexists(place)]


def test_hostile_names_are_escaped_for_people(run, fleet: Fleet, hostile):
    """The table shows the names so that a terminal obeys nothing."""
    options = ["-l", "trixie", "--cwd", "/", "--explain"]

    result = run("check", hostile, "-i", fleet.inventory, *options)

    assert f"library-missing: {COMMAND}" in result.out
    assert "library-missing: lib\\nred\\x1b[31m.so" in result.out
    assert "\x1b" not in result.out


def test_hostile_install_path_is_only_looked_at(run, fleet: Fleet, program):
    """A path from the command line is no shell code on the hosts either."""
    options = ["--install-path", f"/opt/{COMMAND}\n/app", "-l", "bookworm", "--format", "json"]

    report = json_of(run("check", program(runpath="$ORIGIN"), "-i", fleet.inventory, *options))

    assert "deployable" == report["verdicts"][0]["outcome"]
    assert not os.path.lexists(fleet.root("bookworm") / "tmp/pwned")


def test_warnings_of_connections_are_said_once(run, program, fleet: Fleet):
    """A line of known_hosts that nobody can read is told once, however many hosts use the file."""
    spoiled = fleet.directory / "spoiled_known_hosts"
    spoiled.write_text(fleet.known_hosts.read_text() + "this is no key\n")
    inventory = fleet.directory / "spoiled.yaml"
    text = fleet.inventory.read_text().replace(
        "known_hosts: known_hosts", f"known_hosts: {spoiled}"
    )
    inventory.write_text(text)

    result = run("check", program(), "-i", inventory, "-l", "bookworm,trixie,sid")

    (line,) = result.err.splitlines()
    assert 0 == result.status
    assert line.startswith(f"preflight: warning: {spoiled}:")


def test_second_check_needs_two_rounds_at_most(run, fleet: Fleet):
    """What the store and the hints know is not asked again."""
    curl = fleet.root("sid") / "usr/bin/curl"
    command = ["check", curl, "-i", fleet.inventory, "-l", ",".join(LIVE), "--format", "json"]
    run(*command)

    report = json_of(run(*command))

    assert {host["rounds"] for host in report["hosts"]} <= {1, 2}


def test_host_of_a_known_kind_needs_two_rounds_at_most(run, fleet: Fleet):
    """A host never seen before is asked like another of the same image; remedies are asked last."""
    curl = fleet.root("sid") / "usr/bin/curl"
    run("check", curl, "-i", fleet.inventory, "-l", "bookworm")

    result = run("check", curl, "-i", fleet.inventory, "-l", "noisy", "--format", "json")

    report = json_of(result)
    misses_something = report["verdicts"][0]["outcome"] == "blocked"
    assert report["hosts"][0]["rounds"] <= 2 + misses_something


def test_nothing_is_left_on_the_hosts(run, fleet: Fleet, hostile):
    """A check writes no file on a host."""

    def written() -> set[Path]:
        upper = fleet.directory / "upper"
        return {path for name in ("bookworm", "trixie") for path in (upper / name).rglob("*")}

    before = written()
    run("check", hostile, "-i", fleet.inventory, "-l", "bookworm,trixie")

    assert before == written()
