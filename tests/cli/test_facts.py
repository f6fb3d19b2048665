"""probe --save and check --facts: the same verdicts later, and honest gaps."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from tests.hosts.fleet import Fleet


def without_remedies(out: str) -> list[dict]:
    """Return the verdicts; only a program that is named has the host's package manager asked."""
    found = verdicts(out)
    for finding in (finding for verdict in found for finding in verdict["findings"]):
        del finding["remedies"]
    return found


def verdicts(text: str) -> list[dict]:
    """Return the verdicts of a JSON report."""
    return json.loads(text)["verdicts"]


def hosts(text: str) -> list[dict]:
    """Return the hosts of a JSON report without what an offline run has no part in."""
    return [{k: v for k, v in host.items() if k != "rounds"} for host in json.loads(text)["hosts"]]


def test_facts_give_the_same_verdict(run, program):
    """What was collected for a program is enough to judge it without the host."""
    bad = program(needed=["libc.so.6", "libnowhere.so.1"])
    online = run("check", "--local", bad, "--format", "json", "--explain")
    run("probe", "--local", "--for", bad, "--save", "facts.jsonl")

    home = ("--install-path", bad)
    offline = run("check", bad, "--facts", "facts.jsonl", *home, "--format", "json", "--explain")

    assert verdicts(online.out) == verdicts(offline.out)
    assert hosts(online.out) == hosts(offline.out)


def test_other_program_is_not_guessed(run, program):
    """A program that the facts were not collected for is unknown, and says why."""
    run("probe", "--local", "--for", program(), "--save", "facts.jsonl")
    other = program("other", needed=["libz.so.1"])

    result = run("check", other, "--facts", "facts.jsonl", "--format", "json")

    (verdict,) = verdicts(result.out)
    assert (3, "unknown") == (result.status, verdict["outcome"])
    assert {"not-asked"} == {finding["code"] for finding in verdict["findings"]}


def test_inventory_beside_facts_gives_settings_and_groups(run, program, tmp_path):
    """
    Start settings and groups come from -i; a host that was not probed is unknown.

    So is what comes first there: nobody looked whether /opt/app may be reached.
    """
    run("probe", "--local", "--for", program(needed=["libgone.so"]), "--save", "facts.jsonl")
    (tmp_path / "fleet.yaml").write_text(
        "groups: {web: {hosts: [localhost, other], start: {install_path: /opt/app}}}\n"
        "hosts: {localhost: {}, other: {}, db: {}}\n"
    )
    options = ["--facts", "facts.jsonl", "-i", "fleet.yaml", "-l", "web", "--format", "json"]

    report = json.loads(run("check", program(needed=["libgone.so"]), *options).out)

    assert [("probed", None), ("not-run", "no-facts")] == [
        (host["status"], host["cause"]) for host in report["hosts"]
    ]
    found = report["verdicts"][0]
    assert ("blocked", "/opt/app", None) == (
        found["outcome"], found["findings"][0]["needed_by"], found["predicted_error"]
    )  # fmt: skip


def test_limit_chooses_among_recorded_hosts(run, program):
    """-l names hosts of the facts, and a name that is not there is an error."""
    run("probe", "--local", "--for", program(), "--save", "facts.jsonl")
    recorded = ["check", program(), "--facts", "facts.jsonl"]

    assert 0 == run(*recorded, "-l", "local*").status
    assert 2 == run(*recorded, "-l", "other").status


def test_host_recorded_twice_is_refused(run, program):
    """Two files that tell of one host do not agree by chance."""
    run("probe", "--local", "--save", "one")
    run("probe", "--local", "--save", "two")

    result = run("check", program(), "--facts", "one", "--facts", "two")

    assert (2, "") == (result.status, result.out)
    assert "two: host 'localhost' is recorded twice" in result.err


def test_probe_for_nothing_is_noticed(run, program):
    """Facts that answer for no program come with a warning; those for one do not."""
    idle = run("probe", "--local", "--save", "facts.jsonl")
    useful = run("probe", "--local", "--for", program(), "--save", "facts.jsonl")

    warning, hint, _ = idle.err.splitlines()
    assert "preflight: warning: the facts will answer for no program" == warning
    assert "preflight: hint: --for BINARY, or --all" == hint
    assert "warning" not in useful.err


def test_report_is_no_facts_file(run, program):
    """A report that is given for facts is named as what it is not."""
    run("check", "--local", program(), "--format", "json=report.json")

    result = run("check", program(), "--facts", "report.json")

    assert 2 == result.status
    assert "report.json:1: not valid: it is no facts file" in result.err


def test_probe_says_what_it_did(run, program, inventory, closed_port):
    """The summary and the hosts that failed stand on standard error; the file has them all."""
    port = f"address: 127.0.0.1, port: {closed_port}"
    inventory(here="transport: local", a1=port, a2=port)

    result = run("probe", "--for", program(), "--save", "facts.jsonl")

    assert (3, "") == (result.status, result.out)
    warning, summary = result.err.splitlines()
    assert warning.startswith("preflight: warning: a[1-2]: unreachable (connection-refused): ")
    assert "preflight: 1 of 3 hosts probed, facts in facts.jsonl" == summary
    assert 3 == json.loads(Path("facts.jsonl").read_text().splitlines()[-1])["hosts"]


def test_failed_save_leaves_the_old_file(run, monkeypatch):
    """A file of facts is replaced whole or not at all."""
    run("probe", "--local", "--save", "facts.jsonl")
    old = Path("facts.jsonl").read_bytes()
    monkeypatch.setattr("preflight.cli.recorded.write_facts", lambda *_, **__: iter([b"half", 1]))

    assert 70 == run("probe", "--local", "--save", "facts.jsonl").status
    assert old == Path("facts.jsonl").read_bytes()
    assert [Path("facts.jsonl")] == [path for path in Path().iterdir() if path.is_file()]


def test_device_is_written_not_replaced(preflight):
    """Facts for /dev/null go into it, and it stays a device."""
    assert 0 == preflight("probe", "--local", "--save", "/dev/null").status
    assert 70 == preflight("probe", "--local", "--save", "/dev/full").status
    assert Path("/dev/null").is_char_device()
    assert Path("/dev/full").is_char_device()


def test_every_line_is_valid_by_the_printed_schema(run, program, inventory, closed_port):
    """`preflight schema facts` describes each line of real facts, and refuses what is none."""
    inventory(here="transport: local", gone=f"address: 127.0.0.1, port: {closed_port}")
    run("probe", "--for", program(), "--for", "/bin/ls", "--save", "facts.jsonl")
    validator = Draft202012Validator(json.loads(run("schema", "facts").out))

    lines = [json.loads(line) for line in Path("facts.jsonl").read_text().splitlines()]

    kinds = {line.get("kind") for line in lines}
    assert {None, "facts", "elf", "bytes", "answers", "host", "end"} <= kinds
    for line in lines:
        validator.validate(line)
        for key in {"id", "kind", "schema", "status", "elf", "answers"} & line.keys():
            broken = {name: value for name, value in line.items() if name != key}
            assert not validator.is_valid(broken), (line.get("kind"), key)


def test_offline_equals_online_on_real_hosts(run, fleet: Fleet):
    """For real programs and all hosts of the fleet the facts give the verdicts of the live run."""
    programs = [fleet.root("sid") / "usr/bin" / name for name in ("curl", "openssl", "ruby")]
    hosts_asked = ["-i", fleet.inventory, "-l", "all:!hung", "--connect-timeout", "2"]
    explain = ["--format", "json", "--explain"]
    online = run("check", *programs, *hosts_asked, *explain)

    for_all = [word for path in programs for word in ("--for", path)]
    assert 3 == run("probe", *for_all, *hosts_asked, "--save", "facts.jsonl").status
    offline = run("check", *programs, "--facts", "facts.jsonl", *explain)

    assert online.status == offline.status == 1
    assert verdicts(online.out) == verdicts(offline.out)
    assert hosts(online.out) == hosts(offline.out)


def test_survey_of_real_hosts_answers_for_any_program(run, fleet: Fleet):
    """Facts of --all judge a program that nobody named as a live run does."""
    program = fleet.root("sid") / "usr/bin/curl"
    hosts_asked = ["-i", fleet.inventory, "-l", "bookworm,trixie,musl,i386"]
    assert 0 == run("probe", "--all", *hosts_asked, "--save", "facts.jsonl").status

    online = run("check", program, *hosts_asked, "--format", "json")
    offline = run("check", program, "--facts", "facts.jsonl", "--format", "json")

    assert without_remedies(online.out) == without_remedies(offline.out)
