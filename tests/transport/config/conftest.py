"""Everything here is measured against the ssh program."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.transport.conftest import require


@pytest.fixture(scope="session", autouse=True)
def ssh_program():
    """Return the path of the real ssh."""
    found = shutil.which("ssh")
    require(available=bool(found), what="openssh-client")
    return found


@pytest.fixture(name="no_ssh")
def _no_ssh(tmp_path, monkeypatch):
    """Have no ssh program on the path."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


@pytest.fixture
def counted(tmp_path, monkeypatch, ssh_program) -> Path:
    """Have every ssh that is run leave a line with its arguments in the file that is returned."""
    log = tmp_path / "runs"
    log.touch()
    script = tmp_path / "counting/ssh"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\necho "$*" >> "{log}"\nexec "{ssh_program}" "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    return log
