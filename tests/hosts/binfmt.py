"""
Lets this kernel run arm64 programs through qemu, as long as somebody needs it.

A registered handler holds for the whole machine: while it is on, an arm64
program starts in every root.  `switched_off` is for the tests that want the
kernel's own answer.
"""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests.hosts import locks

TABLE = Path("/proc/sys/fs/binfmt_misc")
USERS = Path("/run/lock/preflight-test-binfmt-users")
CHANGES = Path("/run/lock/preflight-test-binfmt-changes")
SYSTEM_ENTRY = TABLE / "qemu-aarch64"  # what Debian's package registers under systemd
OWN_ENTRY = TABLE / "preflight-aarch64"
# ELF, 64 bits, little endian, any ABI but unusual ones, ET_EXEC or ET_DYN, EM_AARCH64.
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00" + r"\xff" * 8 + r"\xfe\xff\xff\xff"
INTERPRETER = "/usr/bin/qemu-aarch64-static"


@contextlib.contextmanager
def registered() -> Iterator[Path]:
    """Register the handler; yield its entry in binfmt_misc.  The last user unregisters it."""
    with USERS.open("w") as users:
        with locks.exclusive(CHANGES):
            entry = _register()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield entry
        finally:
            with locks.exclusive(CHANGES):
                _unregister_if_last(users)


@contextlib.contextmanager
def switched_off() -> Iterator[None]:
    """Have the kernel refuse foreign programs meanwhile, on the whole machine."""
    with locks.exclusive(CHANGES):
        entries = [entry for entry in (SYSTEM_ENTRY, OWN_ENTRY) if entry.exists()]
        try:
            for entry in entries:
                entry.write_text("0")
            yield
        finally:
            for entry in entries:
                entry.write_text("1")


def mount_table() -> None:
    """Mount binfmt_misc at its usual place, unless it is there."""
    if not (TABLE / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", TABLE], check=True)


def _register() -> Path:
    mount_table()
    if SYSTEM_ENTRY.exists():
        return SYSTEM_ENTRY
    if not OWN_ENTRY.exists():
        # F: the kernel opens qemu now, so that it need not lie in the root.
        (TABLE / "register").write_text(f":{OWN_ENTRY.name}:M:0:{MAGIC}:{MASK}:{INTERPRETER}:F")
    return OWN_ENTRY


def _unregister_if_last(users: IO[str]) -> None:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    if OWN_ENTRY.exists():
        OWN_ENTRY.write_text("-1")
