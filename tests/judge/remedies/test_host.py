"""On the host: what to install, by the distributions' naming rules."""

from __future__ import annotations

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from preflight.judge import judge
from preflight.judge.remedies.naming import debian_package
from preflight.model.start import Start
from tests.builders import host as h

SHLIBS = Path("/var/lib/dpkg/info")


def remedies(image, *, answers=None, **facts):
    """Return what mends the first finding of *image* on a host, by where."""
    judgement = judge(h.requirements(image), Start(), h.snapshot(answers, facts=facts))
    found = judgement.verdict.findings[0].remedies
    return {where: [r for r in found if r.where == where] for where in ("host", "build")}


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("debian", "apt-get install libssl3"),
        ("fedora", "dnf install 'libssl.so.3()(64bit)'"),
        ("sles", "zypper install 'libssl.so.3()(64bit)'"),
        ("alpine", "apk add so:libssl.so.3"),
    ],
)
def test_missing_library_names_its_package(system, command):
    """Each family of distributions has its own name for a library; it is called a rule's word."""
    (found,) = remedies(h.program("libssl.so.3"), os_id=system)["host"]

    assert (found.command, found.certainty) == (command, "naming-rule")


def test_unknown_system_is_told_nothing():
    """Where no rule is known, no package is made up."""
    assert remedies(h.program("libssl.so.3"), os_id="nixos")["host"] == []


@pytest.mark.parametrize("name", ["libx;reboot.so.1", "$(id).so.1", "plugin.so", "lib\n.so.1"])
def test_odd_name_becomes_no_command(name):
    """A name that no distribution has is not put into a command."""
    found = remedies(h.program(name), os_id="debian")

    assert found["host"] == []
    assert not any(name in (one.command or "") for one in found["build"])


def test_no_package_brings_a_newer_libc():
    """The C library's version belongs to the system's release, and that is said."""
    image = h.program("libc.so.6", version_needs=h.wants("libc.so.6", "GLIBC_2.38"))
    libc = h.files({"/lib/libc.so.6": h.elf(version_defs=h.defines("GLIBC_2.36"))})

    (found,) = remedies(image, answers=libc, os_id="debian")["host"]

    assert (found.command, found.certainty) == (None, "stated")


def test_missing_loader_names_its_package():
    """A program for musl is helped by Debian's package of it."""
    image = h.program(interpreter="/lib/ld-musl-x86_64.so.1")

    (found,) = remedies(image, os_id="debian")["host"]

    assert found.command == "apt-get install musl"


def test_debian_rule_agrees_with_dpkg():
    """Of the packages with one library that dpkg knows here, the rule names four in five."""
    packages = defaultdict(set)
    for words in (line.split() for file in SHLIBS.glob("*.shlibs") for line in _lines(file)):
        packages[words[2]].add(f"{words[0]}.so.{words[1]}")
    single = {package: sonames.pop() for package, sonames in packages.items() if len(sonames) == 1}
    if len(single) < 100:
        pytest.skip("there is no dpkg here that knows enough libraries")

    right = [package for package, name in single.items() if debian_package(name) == package]

    assert len(right) / len(single) > 0.8


def test_name_that_is_in_the_lists_is_nearly_always_right():
    """Of the libraries here whose package is called as the rule has it, one in a hundred lies."""
    owners = defaultdict(set)
    for file in SHLIBS.glob("*.shlibs"):
        for library, release, *_ in map(str.split, _lines(file)):
            owners[f"{library}.so.{release}"].add(file.stem.partition(":")[0])
    listed = {name for names in owners.values() for name in names}
    if shutil.which("apt-cache"):
        names = subprocess.run(
            ["apt-cache", "pkgnames"], capture_output=True, text=True, check=True
        )
        listed |= set(names.stdout.split())
    guessed = {soname: debian_package(soname) for soname in owners}
    there = [soname for soname, package in guessed.items() if package in listed]
    if len(there) < 100:
        pytest.skip("there is no dpkg here that knows enough libraries")

    wrong = [soname for soname in there if guessed[soname] not in owners[soname]]

    assert len(wrong) / len(there) < 0.01


def _lines(file: Path) -> list[str]:
    text = file.read_text(errors="replace")
    return [line for line in text.splitlines() if line.startswith("lib") and len(line.split()) > 2]
