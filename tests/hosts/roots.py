"""
Builds the root file systems of `recipes` with mmdebstrap, once, into a cache.

A root in the cache is never written to again: `runs` mounts copies of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.hosts import binfmt, locks
from tests.hosts.recipes import RECIPES, Recipe

CACHE = Path(os.environ.get("PREFLIGHT_TEST_CACHE", "/var/cache/preflight-test-hosts"))
AT_ONCE = 2


def path_of(name: str) -> Path:
    """Return where the root called *name* lies in the cache."""
    return place_of(RECIPES[name])


def place_of(recipe: Recipe) -> Path:
    """Return where the root of *recipe* lies in the cache; a changed recipe lies elsewhere."""
    content = [*mmdebstrap_command(recipe, Path(), "mirror"), recipe.finish]
    key = hashlib.sha256("\0".join(content).encode()).hexdigest()[:12]
    return CACHE / f"{recipe.name}-{key}"


def build(names: Iterable[str] = RECIPES) -> dict[str, Path]:
    """Return the roots by name, after building those that are not in the cache yet."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wanted = list(names)
        made = pool.map(made_by, [RECIPES[name] for name in wanted])
        return dict(zip(wanted, made, strict=True))


def made_by(recipe: Recipe) -> Path:
    """Return the root of *recipe*, after building it if it is not in the cache yet."""
    root = place_of(recipe)
    CACHE.mkdir(parents=True, exist_ok=True)
    with locks.exclusive(CACHE / f"{recipe.name}.lock"):
        if not root.exists():
            _make(recipe, root)
    return root


def _make(recipe: Recipe, root: Path) -> None:
    """Build *recipe* beside *root* and rename it, so that what is there is whole."""
    partial = root.with_suffix(".partial")
    # An earlier build may have been killed with /proc or /dev mounted in it.
    subprocess.run(["rm", "-rf", "--one-file-system", partial], check=True)
    with binfmt.registered() if recipe.arch == "arm64" else contextlib.nullcontext():
        _run(mmdebstrap_command(recipe, partial, mirror()))
    # mmdebstrap runs no hook of its own for the variant "extract".
    _run(["sh", "-euc", recipe.finish, "sh", str(partial)])
    partial.rename(root)


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}\n{done.stdout[-3000:]}")


def mmdebstrap_command(recipe: Recipe, target: Path, base: str) -> list[str]:
    """Return the command that builds *recipe* at *target* from the mirror at *base*."""
    # The Release file of a mirror that stands still is past its date one day,
    # and sid is signed with keys newer than an older machine's keyring.
    trust = "[trusted=yes] " if recipe.suite == "sid" else ""
    return [
        "mmdebstrap",
        "--mode=root",
        f"--variant={recipe.variant}",
        f"--architectures={recipe.arch}",
        f"--include={','.join(recipe.packages)}",
        '--aptopt=Acquire::Check-Valid-Until "false"',
        '--aptopt=Acquire::Retries "3"',
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        *_keeping(recipe.kept),
        *(f"--hook-dir=/usr/share/mmdebstrap/hooks/{hook}" for hook in recipe.hooks),
        recipe.suite,
        str(target),
        f"deb {trust}{base} {recipe.suite} main",
    ]


def _keeping(packages: tuple[str, ...]) -> list[str]:
    """Return the options that keep apt's lists, and *packages* to be installed later."""
    if not packages:
        return []
    fetch = f"apt-get clean && apt-get --yes --download-only install {' '.join(packages)}"
    hook = f'export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; {fetch}; rm -f "$1"/var/cache/apt/*.bin'
    return ["--skip=cleanup/apt", f"--customize-hook={hook}"]


def mirror() -> str:
    """Return the mirror that this machine's own apt takes its release from."""
    uris = subprocess.run(
        ["apt-get", "update", "--print-uris"], capture_output=True, text=True, check=True
    ).stdout
    codename = os_release()["VERSION_CODENAME"]
    if found := re.search(rf"^'(\S+?)/*/dists/{codename}/InRelease'", uris, re.MULTILINE):
        return found[1]
    raise RuntimeError(f"apt has no source for {codename}")


def os_release() -> dict[str, str]:
    """Return what this machine's os-release says of it; empty where there is none."""
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return {}
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
