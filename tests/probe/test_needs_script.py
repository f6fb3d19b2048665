"""What a manifest asks of the script, in any shell, beside this machine's tools."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from preflight.model.question import Absent, Ask, Failed, Said
from preflight.probe.requests import AT_ONCE, Plan, Round, parse_said

BIN = "/usr/local/bin:/usr/bin:/bin"


def output(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def ask(interview, shell, *asks: Ask) -> list:
    """Return the answers, all of one round."""
    one = interview(shell)
    answers = one.begin(asks, needs=True).answers
    assert one.rounds == 1
    return [answers[question] for question in asks]


@pytest.fixture
def tool(tmp_path):
    """Return what makes a command of a script, and the directory that it lies in."""

    def make(name: str, body: str) -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return str(tmp_path)

    return make


def test_answers_are_those_of_the_tools_in_every_shell(interview, shell, tmp_path):
    """Facts of this machine, and what is not there."""
    odd = tmp_path / "a b\n'$x"
    odd.mkdir()
    answers = ask(
        interview,
        shell,
        Ask("cpus"),
        Ask("read", ("/proc/sys/kernel/ostype",)),
        Ask("read", ("/proc/sys/kernel/none",)),
        Ask("disk", (str(odd / "not" / "yet"),)),
        Ask("name", ("passwd", "root")),
        Ask("command", ("sh", BIN)),
        Ask("command", ("no-such-command", BIN, "--version")),
        Ask("package", ("dpkg",)),
    )
    cpus, ostype, none, disk, root, sh, gone, package = answers

    assert cpus == Said(f"{output('nproc')}\nexit 0")
    assert ostype == Said("Linux")
    assert (none, gone) == (Absent(), Absent())
    mount = output("df", "-Pk", str(tmp_path)).split()[-1]
    assert disk.text.startswith(f"{odd}\n")
    assert disk.text.splitlines()[-3].split()[-1] == mount
    assert root.text.splitlines()[:2] == ["getent", output("getent", "passwd", "root").strip()]
    assert sh.text.startswith("/usr/bin/sh") or sh.text.startswith("/bin/sh")
    assert package.text.startswith("dpkg\ninstalled ")


def test_a_clock_stands_between_two_moments_of_ours(interview, shell):
    """Which are those of this interview."""
    before = time.time()
    (answer,) = ask(interview, shell, Ask("clock"))
    told, least, most = answer.text.split()
    seconds, _, fraction = told.partition(".")

    assert before - 0.1 <= float(least) <= float(most) <= time.time() + 0.1
    if fraction.isdecimal():
        assert float(least) - 0.1 <= float(told) <= float(most) + 0.1
    else:  # busybox
        assert float(least) - 1.1 <= int(seconds) <= float(most) + 0.1


def test_no_word_becomes_code(interview, shell, tmp_path):
    """Whatever stands in names, paths and URLs."""
    target = tmp_path / "made"
    evil = f"$(touch {target})`touch {target}`';touch {target};'\n"
    ask(
        interview,
        shell,
        Ask("disk", (f"/{evil}",)),
        Ask("read", (f"/proc/{evil}",)),
        Ask("name", ("passwd", evil)),
        Ask("command", (evil, f"/bin:{evil}", evil)),
        Ask("package", (evil,)),
        Ask("ports", ("tcp", evil, "0A")),
        Ask("connect", (evil, "1")),
        Ask("fetch", (f"http://127.0.0.1:1/{evil}",)),
    )

    assert not target.exists()


@pytest.mark.slow
def test_a_command_that_hangs_or_leaves_a_child_is_given_up(interview, tool):
    """One that sleeps while its child keeps the pipe open, one that never stops talking."""
    directory = tool("clinging", "echo 1.0; setsid sleep 8 & sleep 60")
    tool("flood", "exec yes 3.0")
    since = time.monotonic()
    asks = [Ask("command", (name, directory, "-v")) for name in ("clinging", "flood")]
    clinging, flood = ask(interview, ["dash"], *asks)

    assert time.monotonic() - since < 20
    assert clinging.text.splitlines()[1] == "1.0"
    assert clinging.text.endswith("\nexit 137")
    assert len(flood.text) < 8300


def test_commands_get_no_input_and_a_plain_locale(interview, tool, monkeypatch):
    """What they print is for parsers."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    directory = tool("curious", 'read -r line; echo "got <$line> in $LC_ALL with $*"')
    (answer,) = ask(interview, ["dash"], Ask("command", ("curious", directory, "--version")))

    assert "got <> in C with --version" in answer.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_directory_that_may_not_be_searched_hides_nothing(interview):
    """What lies behind it is not known to be on the same file system, or not to be there."""
    asks = (Ask("disk", ("/root/a/b",)), Ask("command", ("no-such-command", "/bin:/root")))
    answers = interview(user=65534, group=65534).begin(asks, needs=True).answers

    assert answers[asks[0]] == Failed("EACCES")
    assert answers[asks[1]] == Failed("/root may not be searched")


def test_many_ways_are_tried_at_once_and_none_is_mixed_up(interview):
    """Forty refused connections, each with an answer of its own, in a few seconds."""
    asks = [Ask("connect", ("127.0.0.1", str(port))) for port in range(1, 41)]
    answers = ask(interview, ["dash"], *asks)

    assert [f"/dev/tcp/127.0.0.1/{port}:" in a.text for port, a in enumerate(answers, 1)] == [
        True
    ] * 40


def test_what_answers_in_no_order_is_asked_last():
    """Nothing else is written while it answers; the clock comes first."""
    asks = [Ask("connect", ("a", "1")), Ask("cpus"), Ask("clock"), Ask("fetch", ("http://a",))]
    plan = Plan(asked=dict.fromkeys(asks), states={"/a": None}, contents={"/b": 9})
    lines = Round(plan, lambda *_: None).encode().decode().splitlines()

    assert [line.split()[2] for line in lines[:-1]] == [
        "clock", "cpus", "/a", "/b", "/b", "connect", "fetch",
    ]  # fmt: skip
    assert {"connect", "fetch"} == set(AT_ONCE)


def test_what_a_host_does_not_answer_has_failed(interview):
    """A topic that the script does not know is asked once."""
    (answer,) = ask(interview, ["dash"], Ask("weather"))

    assert answer == Failed("the host gave no answer")


def test_answers_have_three_forms():
    """Anything else is a failure in the host's words."""
    assert parse_said("said\na\nb") == Said("a\nb")
    assert parse_said("absent") == Absent()
    assert parse_said("failed EACCES") == Failed("EACCES")
    assert parse_said("") == Failed("")
