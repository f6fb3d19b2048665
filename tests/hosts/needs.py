"""Says why the test hosts cannot be had on this machine."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from tests.hosts.roots import os_release

COMMANDS = (
    "apt-get",
    "arch-test",
    "ip",
    "mmdebstrap",
    "nsenter",
    "qemu-aarch64-static",
    "qemu-x86_64-static",
    "setpriv",
    "ssh-keygen",
    "sshd",
    "unshare",
)
# sshd lies where an ordinary PATH does not look.
SEARCHED = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


def missing() -> str | None:
    """Return what keeps the test hosts from being built here, None if nothing does."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "they need root on Linux"
    if os_release().get("ID") != "debian" or platform.machine() != "x86_64":
        return "they need Debian on x86-64"
    if absent := [name for name in COMMANDS if not shutil.which(name, path=SEARCHED)]:
        return f"{', '.join(absent)} not installed; run tests/setup-debian.sh"
    if not Path("/proc/sys/fs/binfmt_misc").is_dir():
        return "this kernel has no binfmt_misc"
    return None
