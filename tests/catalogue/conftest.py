"""The artefacts of the catalogue, laid out once, inspected once and judged in one run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec import structs

from preflight import analyze, api
from preflight.inventory import load
from preflight.model.host import Host
from preflight.model.requirements import Requirements
from preflight.model.start import Start
from preflight.model.verdict import Verdict
from tests.catalogue import making, unpacking
from tests.catalogue.artefact import HOSTS
from tests.catalogue.artefacts import CATALOGUE
from tests.conftest import skip_or_fail
from tests.hosts import roots
from tests.hosts.needs import missing

TIMEOUT_S = 300.0


@pytest.fixture(scope="session")
def laid(tmp_path_factory) -> Path:
    """A directory with every artefact that can be had here, under its name."""
    if reason := missing():
        skip_or_fail(reason)
    place = tmp_path_factory.mktemp("catalogue", numbered=False)
    place.chmod(0o755)
    for artefact in CATALOGUE:
        if making.lacking(artefact.source) is None:
            _lay(making.made(artefact), place / artefact.name)
    return place


def _lay(made: Path, place: Path) -> None:
    if made.is_dir():
        shutil.copytree(made, place, symlinks=True)
        return
    made = made.resolve()
    if made.stat().st_mode & 0o001 and made.stat().st_dev == place.parent.stat().st_dev:
        place.hardlink_to(made)
    else:
        shutil.copy(made, place)
        place.chmod(0o755)


@pytest.fixture(scope="session")
def inspected(laid) -> Mapping[str, list[dict]]:
    """What inspect says of each artefact: of itself, and behind it of its members."""
    names = sorted(path.name for path in laid.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "preflight", "inspect", "--format", "json", *names],
        cwd=laid,
        capture_output=True,
        text=True,
        check=True,
    )
    return _grouped(json.loads(done.stdout)["binaries"], names)


def _grouped(binaries: list[dict], names: list[str]) -> dict[str, list[dict]]:
    tops = [one["id"] for one in binaries if one["member_of"] is None]
    groups: dict[str, list[dict]] = {top: [] for top in tops}
    for one in binaries:
        groups[one["member_of"] or one["id"]].append(one)
    return dict(zip(names, groups.values(), strict=True))


@pytest.fixture(scope="session")
def judged(laid, fleet) -> Mapping[tuple[str, str], Verdict]:
    """
    The verdicts of one run, every artefact on every root, by host and path below `laid`.

    What was read of the roots' libraries is kept, as between the runs of a user.
    """
    needed = [analyze(path, id=f"b{n}") for n, path in enumerate(sorted(laid.iterdir()), 1)]
    hosts = [host for host in load([str(fleet.inventory)]).hosts if host.name in HOSTS]
    options = api.Options(store=roots.CACHE / "catalogue" / "store", timeout_s=TIMEOUT_S)
    report = api.check(needed, hosts, starts=_start, options=options)
    assert {host.status for host in report.hosts} == {"probed"}
    return {(one.host, _inner(one.path, laid)): one for one in report.verdicts}


def _start(host: Host, needed: Requirements) -> Start:
    """Return the start of what lies in the directory of all; a bundle is unpacked to its name."""
    return structs.replace(host.start, install_path=f"/{unpacking.PLACE}/{needed.name}")


def _inner(path: str, laid: Path) -> str:
    return path.removeprefix(f"{laid}/").replace("!/", "/")
