"""
Things that people ship, from where they get them: fetched once, into the cache of the roots.

To add one: a `Wheel` in `recipes.WHEELS` (its file's name and SHA-256, as PyPI
shows them), or a `Recipe` of Debian packages of the variant "extract".
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hosts import locks, roots
from tests.hosts.recipes import GO_PROGRAMS, NODE_ADDONS, WHEELS, Wheel


def build() -> dict[str, Path]:
    """Return where the artefacts lie, by name, after fetching what is not in the cache yet."""
    packages = {recipe.name: roots.made_by(recipe) for recipe in (GO_PROGRAMS, NODE_ADDONS)}
    return packages | {wheel.file: fetched(wheel) for wheel in WHEELS}


def fetched(wheel: Wheel) -> Path:
    """Return the file of *wheel*, after fetching it with pip if it is not in the cache yet."""
    directory = roots.CACHE / "wheels"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / wheel.file
    with locks.exclusive(roots.CACHE / "wheels.lock"):
        if not path.exists():
            _fetch(wheel, directory)
    return path


def _fetch(wheel: Wheel, directory: Path) -> None:
    """Download into a directory beside and rename, so that what is there is whole."""
    python, abi, platforms = wheel.file.removesuffix(".whl").split("-")[-3:]
    asked = [f"--platform={platform}" for platform in platforms.split(".")]
    with tempfile.TemporaryDirectory(dir=directory) as place:
        pinned = Path(place) / "pinned.txt"
        pinned.write_text(f"{wheel.project} --hash=sha256:{wheel.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        target = [f"--python-version={python[2:]}", f"--abi={abi}", f"--dest={place}"]
        subprocess.run(
            [*command, "--only-binary=:all:", *asked, *target, "--require-hashes", "-r", pinned],
            check=True,
        )
        (Path(place) / wheel.file).rename(directory / wheel.file)
