"""What is to be judged: binaries that are named, and what a manifest says of an application."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from preflight.cli.binaries import analyzed
from preflight.cli.defaults import open_to_all
from preflight.cli.voice import note
from preflight.errors import UsageError
from preflight.model.requirements import Requirements
from preflight.model.start import Start
from preflight.model.waiver import Waiver

if TYPE_CHECKING:
    from preflight.manifest import Manifest

NONE = "none"  # what --manifest takes to pass over the one in the working directory


def chosen_manifest(name: str | None) -> Manifest | None:
    """Return the manifest *name*, or else the one in the working directory, None without either."""
    from preflight.manifest import discover, load  # noqa: PLC0415

    if name == NONE:
        return None
    found = name or discover(Path())
    if found is None:
        return None
    if name is None:
        _refuse_of_others(Path(found))
        note(f"{found}: what this application needs counts, too; --manifest none leaves it out")
    return load(found)


def _refuse_of_others(file: Path) -> None:
    """
    Raise `UsageError` for a manifest that anybody may have written.

    It would waive findings and have hosts connect somewhere; passing over it
    would leave out what is needed.
    """
    place = open_to_all(file)
    if place is not None:
        raise UsageError(
            f"{file} is not read: {place} is writable for everyone",
            f"chmod o-w {place}, or say which: --manifest {file}, --manifest none",
        )


def application(binaries: Sequence[str], manifest: Manifest | None) -> tuple[Requirements, ...]:
    """
    Return what each binary needs, and what the manifest asks for besides.

    *binaries* stand for those of the manifest where there are any.
    """
    names = tuple(dict.fromkeys(binaries or (manifest.binaries if manifest else ())))
    needs = manifest.requirements(len(names) + 1) if manifest else None
    places = manifest.places if manifest and not binaries else {}
    return (*analyzed(names, places), *((needs,) if needs else ()))


def waivers_of(files: Sequence[str], manifest: Manifest | None) -> tuple[Waiver, ...]:
    """Return what the *files* and the manifest accept for now."""
    from preflight.manifest import load_waivers  # noqa: PLC0415

    own = manifest.waivers if manifest else ()
    return (*own, *(waiver for file in files for waiver in load_waivers(file)))


def refuse_nothing(requirements: Sequence[Requirements]) -> None:
    """Raise `UsageError` where there is nothing to be judged."""
    if not requirements:
        raise UsageError(
            "there is nothing to check: no BINARY, and no preflight.yaml in this directory",
            "name a binary, or a manifest with --manifest FILE",
        )


def start_by(manifest: Manifest | None) -> Start:
    """Return the start that holds where neither the command line nor the inventory says more."""
    return manifest.start if manifest else Start()
