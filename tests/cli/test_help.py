"""What the commands say of themselves: quickly, and as the manual has it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from docs.make_commands import PAGE, with_help
from preflight import __version__

COMMANDS = (
    "check",
    "inspect",
    "probe",
    "baseline",
    "audit",
    "report",
    "hosts",
    "explain",
    "cache",
    "schema",
    "completion",
)
HEAVY = ("rich", "paramiko", "fabric", "elftools", "yaml", "msgspec", "preflight.api")


def test_manual_has_the_help_of_today():
    """docs/commands.md shows every command's help as `make docs` writes it."""
    page = PAGE.read_text("utf-8")

    assert with_help(page) == page
    for name in COMMANDS:
        assert f"$ preflight {name} --help\nUsage: preflight {name} " in page


def test_help_lists_all_commands(run):
    """Whoever knows nothing learns the commands and a first thing to try."""
    result = run("--help")

    assert (0, "") == (result.status, result.err)
    assert all(f"\n  {name} " in result.out for name in COMMANDS)
    assert "preflight check --local /bin/ls" in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help(run, name):
    """Each command explains itself on standard output."""
    result = run(name, "-h")

    assert (0, "") == (result.status, result.err)
    assert result.out.startswith(f"Usage: preflight {name} ")


def test_version(run):
    """--version names the program and its version, for scripts to compare."""
    assert (0, f"preflight {__version__}\n", "") == run("--version")


def test_no_command_is_an_error(run):
    """A script that lost its arguments does not turn green; people get the help."""
    result = run()

    assert (2, "") == (result.status, result.out)
    assert result.err.startswith("Usage: preflight ")


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    """Help comes at once: neither SSH nor tables nor parsers are imported for it."""
    code = f"""
import sys
from preflight.cli import run
run({arguments!r})
print("loaded:", *(name for name in {HEAVY!r} if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ("loaded:", "") == (done.stdout.splitlines()[-1], done.stderr)


def test_completion_knows_the_commands(preflight, monkeypatch):
    """Shells can complete commands and options through click's protocol."""
    monkeypatch.setenv("_PREFLIGHT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "preflight ch")
    monkeypatch.setenv("COMP_CWORD", "1")

    assert (0, "plain,check\n", "") == preflight()
