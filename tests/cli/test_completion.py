"""Completion, in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import PROJECT

# zsh's completion wants a terminal: its own functions for that are replaced by ones that print.
ZSH = """
compdef() { :; }; _describe() { print -rl -- "${(@P)3}"; }
eval "$(preflight completion zsh)"
words=(preflight explain library-m); CURRENT=3
compadd() { shift; print -rl -- ${(P)@[-1]} }
_preflight_completion
"""
BASH = """
eval "$(preflight completion bash)"
COMP_WORDS=(preflight {words}); COMP_CWORD={number}
_preflight_completion preflight
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A directory in PATH with the command as users have it."""
    script = tmp_path / "bin" / "preflight"
    script.parent.mkdir()
    start = "import sys; sys.argv[0] = 'preflight'; from preflight.cli import main; main()"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{start}" "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))


def said(shell: str, script: str) -> list[str]:
    """Return the lines that a shell prints for *script*."""
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}")
    flags = {"zsh": ["-f"], "bash": ["--norc"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [shell, *flags, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("explain library-m", {"library-missing"}),
        ("hosts -i fleet.yaml -l we", {"web", "web-1", "web-2"}),
        ("hosts -l da", {"data"}),
        ("completion z", {"zsh"}),
        ("hosts -i broken.yaml -l we", set()),
    ],
)
def test_bash_completes_names_of_the_inventory_and_codes(words, names):
    """Hosts and groups come from -i or the inventory that is there; a broken one gives none."""
    Path("fleet.yaml").write_text("groups: {web: {hosts: [web-1, web-2]}}\n")
    Path("inventory.yaml").write_text("hosts: {data: {}}\n")
    Path("broken.yaml").write_text("hosts: [\n")

    script = BASH.format(words=words, number=len(words.split()))

    assert set(said("bash", script)) == names


@pytest.mark.slow
@pytest.mark.usefixtures("path")
def test_fish_completes_codes():
    """Fish asks the command by itself."""
    found = said("fish", "preflight completion fish | source; complete -C 'preflight explain cpu-'")

    assert "cpu-level-too-low" in found


@pytest.mark.slow
@pytest.mark.usefixtures("path")
def test_zsh_completes_codes():
    """Zsh reads the script, and hands the code to its own completion."""
    assert "library-missing" in said("zsh", ZSH)
