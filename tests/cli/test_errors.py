"""Bad input: one line that says where and what, one that says what to type, and status 2."""

from __future__ import annotations

import shutil

import pytest

ERRORS = {
    "nothing to check": (["check"], "there is nothing to check: no BINARY", "--manifest FILE"),
    "no inventory": (["check", "app"], "no inventory: inventory.yaml is not in", "--local"),
    "empty directory": (["hosts"], "no inventory: inventory.yaml is not in", "-i FILE"),
    "no such binary": (["check", "--local", "nope"], "nope: no such file", "path"),
    "empty name": (["check", "--local", ""], "a binary's name is empty", "the path of a file"),
    "directory": (["inspect", "empty"], "empty: a directory without programs", "give the path"),
    "no such inventory": (["hosts", "-i", "no.yaml"], "no.yaml: no such file", "-i web1,"),
    "broken inventory": (["hosts", "-i", "broken.yaml"], "broken.yaml:2: ", ""),
    "no such host": (["hosts", "-i", "web-1,", "-l", "web-2"], "no host matches 'web-2'", "web-1"),
    "no such option": (["check", "--lcoal", "app"], "no such option '--lcoal'", "check --help"),
    "a dash": (["inspect", "-app"], "no such option '-a'", "stands behind --"),
    "no such command": (["chek"], "no such command 'chek'", "preflight --help"),
    "no such format": (["check", "--local", "app", "--format", "xml"], "--format xml", "jsonl"),
    "two on stdout": (
        ["check", "--local", "app", "--format", "json", "--format", "table"],
        "two formats for standard output",
        "--format json=report.json",
    ),
    "no directory": (
        ["check", "--local", "app", "--format", "json=no/report.json"],
        "--format json=no/report.json: there is no directory no",
        "mkdir -p no",
    ),
    "format without file": (["check", "--local", "app", "--format", "json="], "--format json=", ""),
    "two sources": (
        ["check", "--local", "-i", "web,", "app"],
        "--local and -i exclude each other",
        "one of them",
    ),
    "local and facts": (
        ["check", "--local", "--facts", "f", "app"],
        "--local and --facts exclude each other",
        "one of them",
    ),
    "proof of the past": (
        ["check", "--prove", "--facts", "f", "app"],
        "--prove and --facts exclude each other",
        "asks the hosts",
    ),
    "loaded by nothing": (
        ["check", "--local", "--loaded-by", "nope", "app"],
        "nope: no such file",
        "path",
    ),
    "loaded by a text": (
        ["check", "--local", "--loaded-by", "broken.yaml", "app"],
        "--loaded-by broken.yaml: a text",
        "calls dlopen",
    ),
    "limited local": (["check", "--local", "-l", "web", "app"], "-l chooses from an", "-l"),
    "no time": (["check", "-i", "a,", "app", "--timeout", "nan"], "invalid value for", "--help"),
    "endless": (["check", "-i", "a,", "app", "--timeout", "inf"], "invalid value for", "--help"),
    "no forks": (["check", "-i", "a,", "app", "-f", "0"], "invalid value for", "--help"),
    "words for forks": (["probe", "-f", "abc"], "invalid value for '-f' / '--forks': 'abc'", ""),
    "password": (
        ["check", "-i", "a,", "app", "-u", "root:s3cret"],
        "invalid value for '-u' / '--user': what follows the colon looks like a password",
        "--help",
    ),
    "no user": (["check", "-i", "a,", "app", "-u", ""], "invalid value for '-u' / '--user'", ""),
    "two users": (["check", "--local", "app", "--run-as", "a b"], "invalid value for '--run", ""),
    "no key": (
        ["check", "-i", "a,", "app", "--key", "no"],
        "invalid value for '--key': 'no': no such file",
        "--help",
    ),
    "no host keys": (
        ["check", "-i", "a,", "app", "--known-hosts", "."],
        "invalid value for '--known-hosts': '.' is a directory",
        "--help",
    ),
    "no configuration": (
        ["check", "-i", "a,", "app", "-F", "no"],
        "invalid value for '-F' / '--ssh-config': 'no': no such file",
        "--help",
    ),
    "no line of ssh": (
        ["check", "-i", "a,", "app", "--ssh-option", "Port"],
        "invalid value for '--ssh-option': 'Port' is not KEY=VALUE",
        "--help",
    ),
    "no jump host": (
        ["check", "-i", "a,", "app", "-J", "me@:22"],
        "invalid value for '-J' / '--jump': the jump host 'me@:22' is not [user@]host[:port]",
        "--help",
    ),
    "relative path": (
        ["check", "-i", "a,", "app", "--install-path", "opt"],
        "--install-path 'opt' is not absolute",
        "'/'",
    ),
    "empty path": (
        ["check", "--local", "app", "--install-path", ""],
        "--install-path '' is not absolute",
        "'/'",
    ),
    "relative cwd": (["check", "-i", "a,", "app", "--cwd", "."], "--cwd '.' is not abs", "'/'"),
    "empty cwd": (["probe", "--local", "--save", "f", "--cwd", ""], "--cwd '' is not", "'/'"),
    "no variable": (["check", "--local", "app", "--env", "X"], "--env X: no NAME=", "--env LD_"),
    "no facts": (
        ["check", "app", "--facts", "no.jsonl"],
        "no.jsonl: No such",
        "preflight probe --for",
    ),
    "no audit to compare with": (
        ["audit", "--local", "--against", "no.jsonl"],
        "no.jsonl: No such",
        "preflight audit --save FILE",
    ),
    "no facts of a baseline": (
        ["baseline", "--facts", "no.jsonl"],
        "no.jsonl: No such",
        "preflight probe --all --save FILE",
    ),
    "other facts": (
        ["check", "app", "--facts", "app"],
        "app:1: not valid: it is no facts file",
        "--for",
    ),
    "facts from a dash": (["check", "app", "--facts", "-"], "--facts -: a file", "/dev/stdin"),
    "save to a dash": (["probe", "--local", "--save", "-"], "--save: a file", "facts.jsonl"),
    "report to a dash": (["check", "--local", "app", "--format", "json=-"], "--format json=-", ""),
    "save nowhere": (["probe", "--local", "--save", "no/f"], "--save: there is no", "mkdir -p no"),
    "save to a directory": (["probe", "--local", "--save", "."], "--save: a file", "facts.jsonl"),
    "not saved": (["probe", "--local"], "missing option '--save'", "preflight probe --help"),
    "no such finding": (["explain", "library-mising"], "no finding is called", "library-missing"),
    "no such schema": (["schema", "binary"], "invalid value for", "preflight schema --help"),
}


@pytest.fixture
def _files(program, tmp_path) -> None:
    program()
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.yaml").write_text("hosts:\n  web: {adress: x}\n")


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize(("arguments", "message", "hint"), ERRORS.values(), ids=ERRORS.keys())
def test_error_says_what_and_what_to_type(run, arguments, message, hint):
    """Bad input ends with status 2, one error line and one hint, and nothing on stdout."""
    result = run(*arguments)

    lines = result.err.splitlines()
    assert (2, "") == (result.status, result.out)
    assert lines[0].startswith(f"preflight: error: {message}")
    assert lines[1].startswith("preflight: hint: ")
    assert hint in lines[1]
    assert len(lines) == 2


@pytest.mark.usefixtures("_files")
@pytest.mark.skipif(not shutil.which("ssh"), reason="needs openssh-client")
@pytest.mark.parametrize("command", [["check", "app"], ["probe", "--save", "facts"]])
def test_wrong_ssh_configuration_is_an_error_before_any_host_is_asked(run, tmp_path, command):
    """With the line that ssh names; otherwise every host would fail for the same reason."""
    (tmp_path / "config").write_text("User me\nHots web\n")
    result = run(*command, "-i", "127.0.0.1,127.0.0.2,", "-F", "config")

    assert (2, "") == (result.status, result.out)
    assert [
        f"preflight: error: {tmp_path}/config:2: Bad configuration option: hots",
        "preflight: hint: mend it, or do without: -F none reads no ssh configuration",
    ] == result.err.splitlines()[-2:]


def test_variable_is_named(run, monkeypatch):
    """A value that the environment gave is not blamed on an option that nobody wrote."""
    monkeypatch.setenv("PREFLIGHT_FORKS", "abc")

    result = run("check", "-i", "a,", "app")

    message = "invalid value for PREFLIGHT_FORKS: 'abc' is not a number from 1 to 4096"
    assert f"preflight: error: {message}" == result.err.splitlines()[0]
    assert 2 == result.status


@pytest.mark.parametrize(
    ("name", "near"),
    [("FROKS", "FORKS"), ("INVENTROY", "INVENTORY"), ("REQUIRE_HOSTS", None), ("FORKS", None)],
)
def test_mistyped_variable_is_named(run, monkeypatch, name, near):
    """What looks like a setting and is none would else be passed over; other commands' are some."""
    monkeypatch.setenv(f"PREFLIGHT_{name}", "3")

    said = run("schema").err

    line = f"PREFLIGHT_{name} is no setting\npreflight: hint: did you mean PREFLIGHT_{near}?\n"
    assert said == (f"preflight: warning: {line}" if near else "")


def test_hostile_name_is_escaped_in_errors(run):
    """A file's name can neither colour the terminal nor begin a line of its own."""
    result = run("inspect", "a\x1b[31m\npreflight: error: b")

    assert "preflight: error: a\\x1b[31m\\npreflight: error: b: no such file" in result.err


def test_our_own_fault_is_said_so(run, monkeypatch):
    """What is neither the user's nor a host's fault ends with 70 and asks for a report."""
    monkeypatch.setattr("preflight.cli.binaries.analyze", None)

    result = run("inspect", "/bin/ls")

    assert (70, "") == (result.status, result.out)
    assert result.err.startswith("preflight: error: preflight itself broke: TypeError: ")
    assert "Traceback" not in result.err


def test_traceback_on_request(run, monkeypatch):
    """PREFLIGHT_TRACEBACK shows where preflight itself broke."""
    monkeypatch.setattr("preflight.cli.binaries.analyze", None)
    monkeypatch.setenv("PREFLIGHT_TRACEBACK", "1")

    assert "Traceback (most recent call last)" in run("inspect", "/bin/ls").err
