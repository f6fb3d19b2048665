"""Each artefact is what the catalogue says, and what readelf, go and the archives' tools say."""

from __future__ import annotations

import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from msgspec import structs

from tests.catalogue import making
from tests.catalogue.artefact import ROLLING, Says
from tests.catalogue.artefacts import CATALOGUE

pytestmark = pytest.mark.hosts

MACHINES = {
    "Advanced Micro Devices X86-64": "x86_64",
    "Intel 80386": "i386",
    "AArch64": "aarch64",
    "IBM S/390": "s390x",
}
HEAD = 4


def each(test):
    """Run *test* for every artefact."""
    return pytest.mark.parametrize("artefact", CATALOGUE, ids=lambda one: one.name)(test)


def of(inspected, artefact) -> list[dict]:
    """Return what is said of *artefact* and of its members."""
    if tool := making.lacking(artefact.source):
        pytest.skip(f"without {tool}")
    return inspected[artefact.name]


def told(said: list[dict]) -> Says:
    """Return what inspect said, in the catalogue's words."""
    one = said[0]
    foreign = one["foreign"]
    return Says(
        format=one["format"],
        machine=one["machine"],
        kind=one["kind"],
        libc=one["libc"],
        floor=one["glibc_floor"] and one["glibc_floor"]["version"],
        needed=tuple(one["needed"]),
        runpath=tuple(one["runpath"]),
        soname=one["soname"],
        isa=None if one["x86_isa_needed"] == "x86-64" else one["x86_isa_needed"],
        go=one["go"] and one["go"]["linkage"],
        toolchain=tuple(tool["name"] for tool in one["toolchain"]),
        members=len(said) - 1,
        foreign=(*foreign["machines"], foreign["runtime"]) if foreign else (),
    )


@each
def test_inspect_says_what_the_catalogue_says(inspected, artefact):
    """Format, machine, kind, C library, floor, libraries, linkage, compilers and members."""
    said = told(of(inspected, artefact))
    if artefact.rolling:
        left = {field: getattr(said, field) for field in ROLLING}
        assert structs.replace(artefact.says, **left) == said
    else:
        assert artefact.says == said


def test_the_catalogue_is_large():
    """It has artefacts of every origin, each of its own name."""
    assert len({artefact.name for artefact in CATALOGUE}) == len(CATALOGUE)
    assert len(CATALOGUE) >= 60


def readelf(path: Path) -> str:
    """Return what binutils says of header, segments, dynamic table and versions."""
    command = ["readelf", "--wide", "--file-header", "--segments", "--dynamic"]
    return subprocess.run(
        [*command, "--version-info", "--use-dynamic", path],
        env={"LC_ALL": "C", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def by_readelf(text: str) -> dict[str, object]:
    """Return the same facts as `by_preflight`, out of readelf's words."""
    machine = re.findall(r"Machine: +(.*)", text)[0]
    floors = re.findall(r"Name: GLIBC_([\d.]+) .*Flags: none", text)
    if "GLIBC_ABI_DT_RELR" in text:
        floors.append("2.36")
    return {
        "floor": max(floors, key=_number, default=None),
        "machine": MACHINES.get(machine, machine),
        "interpreter": next(iter(re.findall(r"program interpreter: (.*)\]", text)), None),
        "needed": re.findall(r"\(NEEDED\) .*\[(.*)\]", text),
        "runpath": [
            d for one in re.findall(r"\(RUNPATH\) .*\[(.*)\]", text) for d in one.split(":")
        ],
        "soname": next(iter(re.findall(r"\(SONAME\) .*\[(.*)\]", text)), None),
        "exec_stack": re.findall(r"GNU_STACK .* (R.E|RW ) ", text) == ["RWE"],
    }


def _number(release: str) -> list[int]:
    return [int(part) for part in release.split(".")]


def by_preflight(one: dict) -> dict[str, object]:
    """Return what readelf can tell, too."""
    floor = one["glibc_floor"] and one["glibc_floor"]["version"]
    return {"floor": floor} | {
        key: one[key]
        for key in ("machine", "interpreter", "needed", "runpath", "soname", "exec_stack")
    }


@each
def test_readelf_says_the_same(inspected, laid, artefact):
    """Readelf reads the same machine, interpreter, libraries and paths."""
    (one, *_) = of(inspected, artefact)
    if one["format"] != "elf":
        pytest.skip("no ELF file")

    ours, theirs = by_preflight(one), by_readelf(readelf(laid / artefact.name))
    if artefact.name == "c-no-sections":  # without which readelf finds no versions
        theirs["floor"] = artefact.says.floor

    assert ours == theirs


def archived(path: Path) -> set[str] | None:
    """Return the ELF files in an archive by Python's own readers, None if they cannot read it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if not n.endswith("/")]
            return {name for name in names if archive.open(name).read(HEAD) == b"\x7fELF"}
    try:
        with tarfile.open(path) as archive:
            files = [(one, archive.extractfile(one)) for one in archive if one.isreg()]
            return {one.name for one, file in files if file and file.read(HEAD) == b"\x7fELF"}
    except tarfile.TarError:
        return None


@each
def test_members_are_what_the_archive_has(inspected, laid, artefact):
    """Each ELF file of an archive is judged, by the name that it has there."""
    (one, *members) = of(inspected, artefact)
    if one["format"] != "archive" or (names := archived(laid / artefact.name)) is None:
        pytest.skip("no archive that Python reads")
    inner = {member["path"].partition("!/")[2] for member in members}

    assert names <= inner


@each
def test_go_says_the_same(inspected, laid, artefact):
    """`go version -m` tells the same release, package and settings."""
    (one, *_) = of(inspected, artefact)
    if one["go"] is None:
        pytest.skip("no Go program")
    command = ["go", "version", "-m", laid / artefact.name]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    settings = dict(re.findall(r"^\tbuild\t(\S+?)=\"?(.*?)\"?$", "\n".join(lines), re.MULTILINE))

    assert lines[0].endswith(f": {one['go']['release']}")
    assert lines[1] == f"\tpath\t{one['go']['package']}"
    assert one["go"]["settings"] == settings
