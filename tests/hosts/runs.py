"""
Mounts the cached roots for one run, each as a host would have it, and takes them away again.

A run has a directory of its own with a small file system in memory on it, so
that what tests write into a root ends with the run.  A run that was killed is
cleared away by the next one: its lock is free.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.hosts import binfmt, locks

# sshd wants all of a ChrootDirectory's path owned by root and writable by nobody else.
RUNS = Path("/run/preflight-test")


@contextlib.contextmanager
def started() -> Iterator[Path]:
    """Yield the directory of a new run; it and all that is mounted in it are gone afterwards."""
    RUNS.mkdir(mode=0o755, exist_ok=True)
    with contextlib.ExitStack() as stack:
        # Nobody may take this run for a killed one before it has locked its lock.
        with locks.exclusive(RUNS / "starting"):
            clear_killed()
            directory = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=RUNS))
            lock = stack.enter_context(locks.exclusive(lock_of(directory)))
        stack.callback(clear, directory)
        lock.write(str(os.getpid()))
        lock.flush()
        mount("tmpfs", "tmpfs", directory, "mode=755")
        # sshd lives in a mount namespace of its own and has to see later mounts.
        subprocess.run(["mount", "--make-shared", directory], check=True)
        yield directory


def mount_root(cached: Path, directory: Path, name: str) -> Path:
    """Return where *cached* is mounted as *name*: a root with /proc, and /mnt/noexec to try."""
    upper, work, root = (directory / part / name for part in ("upper", "work", "roots"))
    for path in (upper, work, root):
        path.mkdir(parents=True)
    mount("overlay", "overlay", root, f"lowerdir={cached},upperdir={upper},workdir={work}")
    mount("proc", "proc", root / "proc")
    mount("binfmt_misc", "binfmt_misc", root / binfmt.TABLE.relative_to("/"))
    (root / "mnt" / "noexec").mkdir(parents=True)
    mount("tmpfs", "noexec", root / "mnt" / "noexec", "noexec,mode=755")
    return root


def mount(fstype: str, source: str, target: Path, options: str = "defaults") -> None:
    """Mount a file system; raises `subprocess.CalledProcessError`, and mount says why."""
    subprocess.run(["mount", "-t", fstype, "-o", options, source, target], check=True)


def lock_of(directory: Path) -> Path:
    """Return the file that the process of the run in *directory* holds locked; its pid is in it."""
    return directory.with_suffix(".lock")


def is_alive(directory: Path) -> bool:
    """Say whether the process that started the run in *directory* still lives."""
    return locks.is_held(lock_of(directory))


def clear_killed() -> None:
    """Clear away the runs whose process was killed."""
    for lock in RUNS.glob("*.lock"):
        if not is_alive(lock.with_suffix("")):
            clear(lock.with_suffix(""))


def clear(directory: Path) -> None:
    """Unmount and remove the run in *directory*; what is still in use goes when it is let go."""
    if directory.is_mount():
        subprocess.run(["umount", "--recursive", "--lazy", directory], check=True)
    with contextlib.suppress(FileNotFoundError):
        directory.rmdir()
    lock_of(directory).unlink(missing_ok=True)
