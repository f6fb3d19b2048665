"""Lays artefacts out in a root as they would lie there, bundles unpacked by their own tools."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

PLACE = "opt/catalogue"
MAGIC = {
    b"!<arch>": ".deb",
    b"\xed\xab\xee\xdb": ".rpm",
    b"PK\x03\x04": ".zip",
    b"\x1f\x8b": ".tar",
    b"\xfd7zXZ": ".tar",
    b"\x28\xb5\x2f\xfd": ".tar",
}
UNPACK = {
    ".deb": 'dpkg-deb -x "$1" "$2"',
    ".rpm": 'rpm2archive - < "$1" | tar xz -C "$2"',
    ".zip": 'unzip -q "$1" -d "$2"',
    ".tar": 'tar xf "$1" -C "$2"',
}


def kind_of(path: Path) -> str | None:
    """Return the kind of archive that a file of the catalogue is, by its first bytes."""
    if path.is_dir():
        return None
    with path.open("rb") as file:
        head = file.read(8)
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)


def unpack(archive: Path, directory: Path, kind: str) -> None:
    """Unpack *archive*, which is of the *kind* ".deb", ".rpm", ".zip" or ".tar"."""
    directory.mkdir()
    command = UNPACK[kind]
    subprocess.run(["sh", "-euc", command, "sh", archive, directory], check=True)


@contextlib.contextmanager
def bound(directory: Path, roots: Mapping[str, Path]) -> Iterator[None]:
    """Show *directory* in every root while the block runs, read-only."""
    places = [root / PLACE for root in roots.values()]
    mounted = []
    try:
        for place in places:
            place.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "--bind", directory, place], check=True)
            mounted.append(place)
            subprocess.run(["mount", "-o", "remount,bind,ro,nosuid", place], check=True)
        yield
    finally:
        for place in mounted:
            subprocess.run(["umount", place], check=True)
