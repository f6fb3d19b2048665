"""
Things that people ship, from where they get them: fetched once, into the cache of the roots.

To add one: a `Wheel` in `recipes.WHEELS` (its file's name and SHA-256, as PyPI
shows them), a `NodePackage` (the SHA-256 of what `npm pack` fetches), a name in
`recipes.DEBS`, or a `Recipe` of Debian packages of the variant "extract".
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.hosts import locks, roots
from tests.hosts.recipes import (
    DEBS,
    GO_PROGRAMS,
    NODE_ADDONS,
    NODE_PACKAGES,
    SCHEMAS,
    WHEELS,
    NodePackage,
    Wheel,
)


def build() -> dict[str, Path]:
    """Return where the artefacts lie, by name, after fetching what is not in the cache yet."""
    packages = {recipe.name: roots.made_by(recipe) for recipe in (GO_PROGRAMS, NODE_ADDONS)}
    wheels = {wheel.file: fetched(wheel) for wheel in WHEELS}
    debs = {f"{name}.deb": downloaded(name) for name in DEBS}
    node = {one.file: place for one in NODE_PACKAGES if (place := packed(one)) is not None}
    schemas = {name: schema(name) for name in SCHEMAS}
    return packages | wheels | debs | node | schemas


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


def packed(package: NodePackage) -> Path | None:
    """Return the file of *package* as `fetched` does; None where npm or its registry is away."""
    directory = roots.CACHE / "node-packages"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / package.file
    with locks.exclusive(roots.CACHE / "node-packages.lock"):
        if not path.exists():
            if not shutil.which("npm"):
                return None
            with tempfile.TemporaryDirectory(dir=directory) as place:
                command = ["timeout", "60", "npm", "pack", "--silent", package.project]
                if subprocess.run(command, cwd=place, check=False).returncode:
                    return None
                data = (Path(place) / package.file).read_bytes()
                if hashlib.sha256(data).hexdigest() != package.sha256:
                    raise RuntimeError(f"{package.project} is not what it was")
                (Path(place) / package.file).rename(path)
    return path


def downloaded(name: str) -> Path:
    """Return the .deb of the package *name*, after fetching it with apt-get if need be."""
    directory = roots.CACHE / "debs"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.deb"
    with locks.exclusive(roots.CACHE / "debs.lock"):
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=directory) as place:
                command = ["apt-get", "-o", "APT::Sandbox::User=root", "-qq", "download", name]
                subprocess.run(command, cwd=place, check=True)
                (file,) = Path(place).iterdir()
                file.rename(path)
    return path


def schema(name: str) -> Path:
    """Return the file of the schema *name*, after fetching the sources that have it if need be."""
    directory = roots.CACHE / "schemas"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    project, inner = SCHEMAS[name]
    with locks.exclusive(roots.CACHE / "schemas.lock"):
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=directory) as place:
                command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
                source_only = f"--no-binary={project.partition('=')[0]}"
                subprocess.run([*command, source_only, f"--dest={place}", project], check=True)
                (source,) = Path(place).glob("*.tar.gz")
                with tarfile.open(source) as archive:
                    (member,) = (m for m in archive if m.name.partition("/")[2] == inner)
                    content = archive.extractfile(member)
                    assert content is not None
                    whole = Path(place) / name
                    whole.write_bytes(content.read())
                whole.rename(path)
    return path
