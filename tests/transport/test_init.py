"""The table of transports."""

from __future__ import annotations

import subprocess
import sys

from preflight.model.host import Host
from tests.transport.asking import failure, verdict


def test_an_unknown_transport_is_named():
    """A transport that nobody wrote is an error that names those that there are."""
    error = failure(Host(name="x", transport="telepathy"))

    assert verdict(error) == ("error", "no-such-transport")
    assert "local, ssh" in error.hint


def test_nobody_pays_for_ssh_who_does_not_use_it():
    """Neither the table nor the local transport imports paramiko or fabric."""
    code = "import sys, preflight.transport.local; print({'paramiko','fabric'} & set(sys.modules))"
    command = [sys.executable, "-c", code]

    assert subprocess.run(command, capture_output=True, check=True).stdout == b"set()\n"
