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
    assert "local, openssh, ssh" in error.hint


def test_nobody_pays_for_ssh_who_does_not_use_it():
    """Neither the table nor the other transports import paramiko or fabric."""
    ours = "preflight.transport.local, preflight.transport.openssh.session"
    code = f"import sys, {ours}; print({{'paramiko','fabric'}} & set(sys.modules))"
    command = [sys.executable, "-c", code]

    assert subprocess.run(command, capture_output=True, check=True).stdout == b"set()\n"
