"""Brings an artefact here: from the caches, or built once into a cache of its own."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.catalogue.artefact import Artefact, Built, Fetched, Here, Rooted, Source
from tests.catalogue.artefacts import CATALOGUE
from tests.hosts import locks, recipes, roots

TOOLS = ("gcc", "g++", "clang", "golang-go", "rustc-web", "musl-tools", "lld", "mold")
RECIPES = {recipe.name: recipe for recipe in (recipes.GO_PROGRAMS, recipes.NODE_ADDONS)}


def lacking(source: Source) -> str | None:
    """Return the tool without which *source* cannot be had, None where it can."""
    if isinstance(source, Fetched) and source.kind == "node-packages":
        return None if list((roots.CACHE / source.kind).glob(source.pattern)) else "npm"
    needs = source.needs if isinstance(source, Built) else ()
    return next((name for name in needs if not _has(name)), None)


def _has(tool: str) -> bool:
    if tool in ("ziglang", "PyInstaller"):
        return importlib.util.find_spec(tool) is not None
    return shutil.which(tool, path=f"{os.defpath}:/usr/bin") is not None


def made(artefact: Artefact) -> Path:
    """Return the artefact's file or directory; what is built is built once."""
    source = artefact.source
    match source:
        case Built():
            return _built(artefact.name, source)
        case Rooted():
            return _one(_root(source.root), source.path)
        case Fetched():
            return _one(roots.CACHE / source.kind, source.pattern)
        case Here():
            return _one(_directory(source.package), source.pattern)


def _one(directory: Path, pattern: str) -> Path:
    found = sorted(directory.glob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(f"{directory}/{pattern}: {len(found)} files")
    return found[0]


def _root(name: str) -> Path:
    return roots.made_by(RECIPES[name]) if name in RECIPES else roots.path_of(name)


def _directory(package: str | None) -> Path:
    if package is None:
        return Path("/")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(package)
    return Path(spec.origin).parent


def _built(name: str, source: Built) -> Path:
    """Build beside and rename, so that what is there is whole."""
    key = hashlib.sha256(msgspec.json.encode((source, _releases()))).hexdigest()[:12]
    place = roots.CACHE / "catalogue" / f"{name}-{key}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with locks.exclusive(roots.CACHE / "catalogue.lock"):
        if not place.exists():
            _build(source, place)
    return place / "out"


def _build(source: Built, place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent) as directory:
        for file, text in source.sources.items():
            path = Path(directory) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run(
            ["sh", "-euc", source.command],
            cwd=directory,
            env=_environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{source.command}\n{done.stdout[-2000:]}")
        whole = Path(directory) / "whole"
        whole.mkdir()
        (Path(directory) / "out").rename(whole / "out")
        whole.rename(place)


def _environment(home: str) -> dict[str, str]:
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHON": sys.executable,
        "HOME": home,
        "LC_ALL": "C.UTF-8",
        "GOCACHE": str(roots.CACHE / "go-build"),
        "GOFLAGS": "-mod=mod -buildvcs=false -trimpath",
        "ZIG_GLOBAL_CACHE_DIR": str(roots.CACHE / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(roots.CACHE / "zig"),
    }


@functools.cache
def _releases() -> str:
    """Return which compilers are there: what others made is built anew."""
    command = ["dpkg-query", "--show", *TOOLS]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def build() -> None:
    """Build what is built here and not in the cache yet."""
    for artefact in CATALOGUE:
        if isinstance(artefact.source, Built) and lacking(artefact.source) is None:
            made(artefact)
