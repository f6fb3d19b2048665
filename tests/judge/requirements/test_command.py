"""Commands and their versions."""

from __future__ import annotations

import pytest

from preflight.judge.env import USUAL_PATH
from preflight.judge.requirements.command import parse
from preflight.model.start import Start
from tests.judge.requirements.needs import need, outcome, said

PYTHON = ("command", "python3", USUAL_PATH, "--version")


# As these programs print them.
@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("Python 3.11.2", "3.11.2"),
        ("Python 3.13.0rc1", "3.13.0rc1"),
        ("OpenSSL 3.0.11 19 Sep 2023 (Library: OpenSSL 3.0.11 19 Sep 2023)", "3.0.11"),
        ("OpenSSL 1.1.1w  11 Sep 2023", "1.1.1w"),
        ("tar (GNU tar) 1.34\nCopyright (C) 2021 Free Software Foundation", "1.34"),
        ("tar (busybox) 1.35.0", "1.35.0"),
        ('openjdk version "17.0.9" 2023-10-17', "17.0.9"),
        ("go version go1.22.1 linux/amd64", "1.22.1"),
        ("less 590 (GNU regular expressions)", "590"),
        ("systemd 252 (252.22-1~deb12u1)", "252.22"),
        ("git version 2.39.2", "2.39.2"),
        ("OpenSSH_9.2p1 Debian-2+deb12u2, OpenSSL 3.0.11", "9.2p1"),
        ("nginx version: nginx/1.22.1", "1.22.1"),
        ("v18.19.0", "18.19.0"),
        ("no numbers here", None),
    ],
)
def test_versions_are_found_in_what_commands_print(printed, version):
    """The first one with a dot, else the first number."""
    assert parse(f"{printed}\n\nexit 0") == version


def test_a_command_that_was_stopped_tells_no_version():
    """Whatever it printed until then."""
    assert parse("starting 1.0\n\nexit 137") is None
    assert parse("9.9.9" * 2000) is None


def test_a_command_has_the_version_or_has_not():
    """Python's versions are compared as Python compares them."""
    answer = said(*PYTHON, text="/usr/bin/python3\nPython 3.13.0rc1\n\nexit 0")

    assert outcome(need("commands", "python3", ">=3.11"), answer) == "met"
    assert outcome(need("commands", "python3", ">=3.13"), answer) == (
        "error: python3 is 3.13.0rc1, and >=3.13 is needed"
    )


def test_any_version_is_not_asked_for():
    """The command is found, and not run."""
    answer = said("command", "tar", USUAL_PATH, text="/usr/bin/tar\n")

    assert outcome(need("commands", "tar", "*"), answer) == "met"
    assert outcome(need("commands", "tar", "*")) == "error: tar is not there, and it is needed"


def test_a_command_is_searched_where_the_program_would_search_it():
    """In the PATH of the start; relative directories of it are nobody's."""
    start = Start(env=(("PATH", "/opt/py/bin:.:/usr/bin"),))
    answer = said("command", "tar", "/opt/py/bin:/usr/bin", text="/opt/py/bin/tar\n")

    assert outcome(need("commands", "tar", "*"), answer, start) == "met"


def test_what_tells_no_version_is_unknown():
    """It hung, it printed nothing, nothing can be run there."""
    one = need("commands", "python3", ">=3.11")
    hung = said(*PYTHON, text="/usr/bin/python3\n\nexit 137")
    no_timeout = said(*PYTHON, failed="the host has no timeout(1), and nothing is run without")

    assert outcome(one, hung) == "unknown: /usr/bin/python3 tells no version"
    assert outcome(one, no_timeout).startswith("unknown: python3 was not looked for: the host has")
