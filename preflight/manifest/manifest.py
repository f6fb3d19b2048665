"""The manifest of one application: ``preflight.yaml`` beside its code."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from yaml.nodes import Node

from preflight.errors import InventoryError, ManifestError
from preflight.inventory import document
from preflight.inventory.resolve import start_from
from preflight.inventory.values import unreadable
from preflight.inventory.yaml_file import read_start
from preflight.judge.requirements import KINDS
from preflight.manifest import values, waivers
from preflight.model.form import PATH, Text, Texts
from preflight.model.need import Need
from preflight.model.requirements import Requirements
from preflight.model.start import Start
from preflight.model.waiver import Waiver

DEFAULT_FILE = "preflight.yaml"
BINARIES = Texts(Text(r"[^\x00-\x1f\x7f]+", "a path of this machine", "dist/app"))
KEYS = ("binaries", "install_path", "start", "requires", "waivers")
_MAX_BYTES = 1 << 20
_EXAMPLE = "requires: {commands: {tar: '*'}}"


class Manifest(Struct, frozen=True, kw_only=True):
    """What the file *path* says; *binaries* are reached from the working directory."""

    path: str
    sha256: str
    binaries: tuple[str, ...] = ()
    places: Mapping[str, str] = {}  # of the binaries, as messages name them
    start: Start = Start()
    needs: tuple[Need, ...] = ()
    waivers: tuple[Waiver, ...] = ()

    def requirements(self, number: int) -> Requirements | None:
        """Return the needs as what is judged, ``b`` *number* as id; None where there are none."""
        if not self.needs:
            return None
        count = len(self.needs)
        return Requirements(
            id=f"b{number}",
            path=self.path,
            name=Path(self.path).name,
            sha256=self.sha256,
            size_bytes=0,
            format="manifest",
            description=f"{count} requirement{'s' * (count != 1)} of an application",
            needs=self.needs,
        )


def discover(cwd: Path) -> str | None:
    """Return the manifest that stands in *cwd*, None where none does."""
    return DEFAULT_FILE if (cwd / DEFAULT_FILE).is_file() else None


def load(path: str) -> Manifest:
    """Return the manifest in the file *path*; raises `ManifestError` for the first fault."""
    return read(read_file(path), path)


def load_waivers(path: str) -> tuple[Waiver, ...]:
    """Return the waivers in the file *path*; raises `ManifestError` for the first fault."""
    return waivers.read_waivers(read_file(path), path)


def read(raw: bytes, path: str) -> Manifest:
    """Return what *raw* says; a relative binary lies beside the manifest, whose name is *path*."""
    try:
        return _read(raw, path)
    except InventoryError as error:
        raise ManifestError(error.message, error.hint) from None


def read_file(path: str) -> bytes:
    """Return the bytes of a small file; raises `ManifestError`."""
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as problem:
        number = getattr(problem, "errno", None) or errno.EINVAL
        raise ManifestError(unreadable(path, number), "name a file that can be read") from None
    if len(raw) > _MAX_BYTES:
        raise ManifestError(f"{path}:1: it is larger than 1 MiB", "is this the right file?")
    return raw


def _read(raw: bytes, path: str) -> Manifest:
    base = Path(path).parent
    top = document.items(document.compose(raw, path, "manifest", _EXAMPLE), "the manifest")
    settings: dict[str, Any] = {}
    places: dict[str, str] = {}
    needs: tuple[Need, ...] = ()
    accepted: tuple[Waiver, ...] = ()
    for key, (key_node, node) in top.items():
        if key == "binaries":
            found = values.texts(node, "'binaries'", BINARIES)
            places = {_beside(base, written): document.place(each) for each, written in found}
        elif key == "install_path":
            install_path = values.text(node, "'install_path'", PATH)
            _add(settings, "start.install_path", install_path, node)
        elif key == "start":
            for name, setting in read_start(node, "'start'", base).items():
                _add(settings, name, setting.value, node)
        elif key == "requires":
            needs = _needs(node)
        elif key == "waivers":
            accepted = waivers.of(node)
        else:
            raise values.unknown_key(key_node, key, KEYS, "the manifest")
    if not places and not needs:
        raise ManifestError(f"{path}:1: it names neither binaries nor needs", f"write {_EXAMPLE}")
    return Manifest(
        path=path,
        sha256=hashlib.sha256(raw).hexdigest(),
        binaries=tuple(places),
        places=places,
        start=start_from(settings),
        needs=needs,
        waivers=accepted,
    )


def _add(settings: dict[str, Any], key: str, value: object, node: Node) -> None:
    if key in settings:
        raise document.error(node, "install_path stands in 'start', too", "keep one of the two")
    settings[key] = value


def _needs(node: Node) -> tuple[Need, ...]:
    found: list[Need] = []
    for kind, (key_node, value) in document.items(node, "'requires'").items():
        if kind not in KINDS:
            raise values.unknown_key(key_node, kind, tuple(KINDS), "'requires'")
        found += values.needs(value, kind, KINDS[kind].form)
    return tuple(found)


def _beside(base: Path, written: str) -> str:
    path = os.path.expanduser(written)  # noqa: PTH111  (Path raises for an unknown user)
    joined = os.path.join(base, path)  # noqa: PTH118  (keeps the slash at the end)
    return joined.removeprefix("./")
