"""Ansible itself, to be asked what an inventory means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def ask_ansible(tmp_path_factory) -> Iterator[Callable[..., dict[str, Any]]]:
    """Return a function that asks one long-lived process: a start takes a second."""
    home = tmp_path_factory.mktemp("ansible-home")
    env = {
        **os.environ,
        "HOME": str(home),
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
        "LC_ALL": "C.UTF-8",
    }
    command = [sys.executable, str(_HERE / "ansible_reference.py")]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
        text=True,
    ) as process:

        def ask(source: Path, *patterns: str, cwd: Path | None = None) -> dict[str, Any]:
            where = cwd or (source if source.is_dir() else source.parent)
            request = {"source": str(source), "cwd": str(where), "patterns": patterns}
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        assert process.stdin is not None
        process.stdin.close()
