"""How a host is asked: harmless words, in every shell, within bounds."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.model.question import Failed, Package
from preflight.probe.managers import read_packages, request
from preflight.probe.managers.request import askable, code, words
from preflight.probe.script import code_of

HARMLESS = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+:,@=-")
SSL = Package("libssl.so.3", guesses=("libssl3:amd64",))


@given(st.text(), st.text(), st.text(), st.text())
def test_only_harmless_words_are_asked(name, version, file, guess):
    """Whatever a binary says: it is refused, or it has no character that a shell looks at."""
    question = Package(name, 64, version, file, (guess,))

    assert not askable(question) or set("".join(words([question]))) <= HARMLESS


@pytest.mark.parametrize(
    "name", ["", "-lib.so.1", "lib a.so", "lib;id.so.1", "a/b", "/a/../$b", "/"]
)
def test_odd_name_is_not_asked(name):
    """What no package has, and what a tool would take for an option, stays here."""
    assert not askable(Package(name))
    assert not askable(Package("libc.so.6", version="V 1"))
    assert not askable(Package("libc.so.6", guesses=(name,)))


def test_no_answer_in_time_is_a_failure_and_no_more(monkeypatch):
    """A package manager that hangs is given up; so is one that says too much."""
    monkeypatch.setattr(request, "TIME_S", 1)
    monkeypatch.setattr(request, "code_of", lambda _: "printf '= manager apt-get\\n'; sleep 9")

    argv = ["sh", "-c", code(), "sh"]
    said = subprocess.run(argv, capture_output=True, check=True, timeout=5).stdout

    assert read_packages([SSL], said) == {SSL: Failed("it did not answer in time")}
    assert read_packages([SSL], b"") == {SSL: Failed("it did not answer in time")}


def test_output_is_cut(monkeypatch):
    """No host sends more than the bound, whatever its tools print."""
    monkeypatch.setattr(request, "code_of", lambda _: "yes")

    said = subprocess.run(["sh", "-c", code(), "sh"], capture_output=True, check=True).stdout

    assert len(said) == request.OUTPUT_BYTES


def quick(script: str) -> str:
    """Return the script without what takes a second: apt's candidates."""
    return code_of(script).replace("apt-cache", "true apt-cache")


def test_every_shell_carries_the_script(interview, shell, monkeypatch):
    """One round, and an answer; what is odd is not asked."""
    monkeypatch.setattr(request, "code_of", quick)
    conversation = interview(shell)
    conversation.begin()
    rounds = conversation.rounds

    answers = conversation.ask_packages([SSL, Package("lib;id.so.1")])

    assert list(answers) == [SSL]
    assert conversation.rounds == rounds + 1
    if os.path.exists("/var/lib/dpkg/status"):
        assert answers[SSL].manager == "apt-get"


def test_every_shell_runs_the_script(shell):
    """Whatever /bin/sh is, it prints the same."""
    asked = words([SSL, Package("/usr/bin/env", guesses=("coreutils",))])

    def said(argv: list[str]) -> bytes:
        run = [*argv, "-c", quick("packages.sh"), "sh", *asked]
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        return subprocess.run(run, env=env, capture_output=True, check=True).stdout

    assert said(["dash"]) == said(shell)


def test_host_with_no_manager_says_so():
    """A host with none of them cannot tell, and that is the reason."""
    said = b"= manager none\n= end\n"

    assert read_packages([SSL], said) == {SSL: Failed("there is none that is known")}
