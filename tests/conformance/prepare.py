"""What a scenario changes in its root after the files are there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.hosts import runs

Prepare = Callable[[Path], None]


def chmod(path: str, mode: int) -> Prepare:
    """Give *path* this mode."""
    return lambda root: Path(f"{root}{path}").chmod(mode)


def poke(path: str, at: int, value: int) -> Prepare:
    """Change one byte of a file."""

    def prepare(root: Path) -> None:
        with Path(f"{root}{path}").open("r+b") as file:
            file.seek(at)
            file.write(bytes([value]))

    return prepare


def noexec(path: str) -> Prepare:
    """Move the files of a directory to a noexec mount in its place."""

    def prepare(root: Path) -> None:
        directory = Path(f"{root}{path}")
        files = {file.name: file.read_bytes() for file in directory.iterdir()}
        runs.mount("tmpfs", "noexec", directory, "noexec,mode=755")
        for name, data in files.items():
            (directory / name).write_bytes(data)
            (directory / name).chmod(0o755)

    return prepare


def without(path: str) -> Prepare:
    """Remove a file."""
    return lambda root: Path(f"{root}{path}").unlink()


def ldconfig(root: Path) -> None:
    """Have the root's own ldconfig write its cache."""
    _chroot(root, "/sbin/ldconfig")


def ldconfig_with(*arguments: str) -> Prepare:
    """Have the root's own ldconfig write its cache in another way."""
    return lambda root: _chroot(root, "/sbin/ldconfig", *arguments)


def cached_then(*remove: str) -> Prepare:
    """Write the cache and then remove files."""

    def prepare(root: Path) -> None:
        ldconfig(root)
        for path in remove:
            Path(f"{root}{path}").unlink()

    return prepare


def cached_in_part(root: Path) -> None:
    """Write the cache and cut a quarter of its names off."""
    ldconfig(root)
    cache = root / "etc/ld.so.cache"
    data = cache.read_bytes()
    table = 48 + 24 * int.from_bytes(data[20:24], "little")
    cache.write_bytes(data[: table + (len(data) - table) * 3 // 4])


def no_proc(root: Path) -> None:
    """Take /proc away."""
    subprocess.run(["umount", root / "proc"], check=True)


def set_uid(path: str) -> Prepare:
    """Make a program one that changes its user: a secure start."""
    return chmod(path, 0o4755)


def _chroot(root: Path, *command: str) -> None:
    subprocess.run(["chroot", root, *command], check=True, capture_output=True)
