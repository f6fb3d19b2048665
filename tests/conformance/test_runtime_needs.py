"""What a host is said to lack is what the running program misses, and is fine once it is there."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from preflight.analyze import analyze
from preflight.api import check
from preflight.inventory import load
from preflight.model.start import Start
from preflight.model.verdict import Finding
from tests.hosts.outcome import real_start

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

GO = """package main

import ("crypto/x509"; "fmt"; "os"; "time")

func main() {
	var err error
	switch os.Args[1] {
	case "zone":
		_, err = time.LoadLocation("Europe/Berlin")
	case "roots":
		pool, e := x509.SystemCertPool()
		if err = e; e == nil && len(pool.Subjects()) == 0 {
			err = fmt.Errorf("no roots")
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
"""
C = """#include <fcntl.h>
#include <iconv.h>
#include <pwd.h>
#include <semaphore.h>
#include <sys/mman.h>
int main(int count, char **words)
{
    switch (words[1][0]) {
    case 's': return sem_open("/x", O_CREAT, 0600, 1) == SEM_FAILED;
    case 'm': return shm_open("/x", O_CREAT | O_RDWR, 0600) < 0;
    case 'i': return iconv_open("UTF-8", "ISO-8859-2") == (iconv_t) -1;
    default: return getpwnam("root") == 0;
    }
}
"""

# Of nobody: its key was thrown away.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBdDCCARugAwIBAgIUbX5UJkDxUQ8G3ON5K9IFzbzj6fAwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjYxMzE4NDRaGA8yMTI2MTEwMjEzMTg0
NFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABObW
8Ujj+THErU8UlcC3HczNVuXEKSHUK7o9VNlWya+PpGlllPB1NoCQEV0t4aKTHb3V
1rBGJeg3ei2YKgHQgeejUzBRMB0GA1UdDgQWBBSgwOtyKFT3uMAyTTv8Q6+EofTJ
FTAfBgNVHSMEGDAWgBSgwOtyKFT3uMAyTTv8Q6+EofTJFTAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0cAMEQCIGl024jHx7hzPOdyI4gmklKxY9+ONybmn/wD
D3PhbyE9AiB/BHpAa1jUNk3NeKqFOWGiOjILICMJuEUH6R6bn7uD2A==
-----END CERTIFICATE-----
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """Return a directory with a Go program and C programs that use what may be missing."""
    directory = tmp_path_factory.mktemp("runtime")
    (directory / "main.go").write_text(GO)
    (directory / "main.c").write_text(C)
    home = {"HOME": str(directory), "GO111MODULE": "off", "CGO_ENABLED": "0"}
    for command in (
        ["go", "build", "-ldflags", "-s -w", "-o", "go", "main.go"],
        ["go", "build", "-ldflags", "-s -w", "-tags", "timetzdata", "-o", "zones", "main.go"],
        ["gcc", "-static", "-o", "static", "main.c"],
        ["musl-gcc", "-static", "-o", "musl", "main.c"],
    ):
        subprocess.run(
            command, cwd=directory, env=os.environ | home, check=True, capture_output=True
        )
    return directory


@pytest.fixture
def advice(fleet, programs) -> Callable[[str, str], dict[str, Finding]]:
    """Return what judges a program on a host of the fleet: its advice, by code."""

    def of(host: str, name: str) -> dict[str, Finding]:
        place = fleet.root(host) / "root" / name
        shutil.copy(programs / name, place)
        hosts = [one for one in load([str(fleet.inventory)]).hosts if one.name == host]
        there = [structs.replace(one, start=Start(install_path=f"/root/{name}")) for one in hosts]
        (verdict,) = check([analyze(programs / name)], there).verdicts
        assert "deployable" == verdict.outcome
        return {f.code: f for f in verdict.findings if f.code != "go-build"}

    return of


@pytest.fixture
def content(fleet) -> Callable[..., bool]:
    """Return what really starts a program in a root, and says whether it got what it wanted."""

    def of(host: str, name: str, *words: str) -> bool:
        return real_start(fleet.root(host), [f"/root/{name}", *words]).status == 0

    return of


@contextlib.contextmanager
def without(path: Path) -> Iterator[None]:
    """Have the directory at *path* away for a while."""
    with tempfile.TemporaryDirectory() as away:
        shutil.copytree(path, f"{away}/kept", symlinks=True)
        shutil.rmtree(path)
        try:
            yield
        finally:
            shutil.copytree(f"{away}/kept", path, symlinks=True)


def test_go_program_misses_certificates_until_they_are_there(fleet, advice, content):
    """An empty host has none; a bundle at one of Go's places is enough."""
    bundle = fleet.root("bookworm") / "etc/ssl/certs/ca-certificates.crt"
    assert "ca-certificates-missing" in advice("bookworm", "go")
    assert not content("bookworm", "go", "roots")

    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text(CERTIFICATE)
    try:
        assert "ca-certificates-missing" not in advice("bookworm", "go")
        assert content("bookworm", "go", "roots")
    finally:
        bundle.unlink()


def test_go_program_misses_time_zones_unless_it_brings_them(fleet, advice, content):
    """A host with tzdata is silent; one without is told, but for -tags timetzdata."""
    assert "timezone-data-missing" not in advice("bookworm", "go")
    assert content("bookworm", "go", "zone")

    with without(fleet.root("bookworm") / "usr/share/zoneinfo"):
        assert "timezone-data-missing" in advice("bookworm", "go")
        assert not content("bookworm", "go", "zone")
        assert "timezone-data-missing" not in advice("bookworm", "zones")
        assert content("bookworm", "zones", "zone")


@pytest.mark.parametrize("name", ["static", "musl"])
def test_static_program_misses_shared_memory(fleet, advice, content, name):
    """sem_open and shm_open make files in /dev/shm, whichever C library is inside."""
    assert "shm-missing" not in advice("bookworm", name)
    assert [True, True] == [content("bookworm", name, word) for word in ("sem", "map")]

    with without(fleet.root("bookworm") / "dev/shm"):
        assert "shm-missing" in advice("bookworm", name)
        assert [False, False] == [content("bookworm", name, word) for word in ("sem", "map")]


def test_static_program_misses_gconv_modules(fleet, advice, content):
    """ISO-8859-2 is a module; without their directory iconv_open fails."""
    assert "gconv-modules-missing" not in advice("bookworm", "static")
    assert content("bookworm", "static", "iconv")

    with without(fleet.root("bookworm") / "usr/lib/x86_64-linux-gnu/gconv"):
        assert "gconv-modules-missing" in advice("bookworm", "static")
        assert not content("bookworm", "static", "iconv")


def test_static_program_misses_the_modules_of_other_services(fleet, advice, content):
    """What is built in needs no module; a service that has none on the host knows nobody."""
    switch = fleet.root("musl") / "etc/nsswitch.conf"
    assert "nss-modules" not in advice("musl", "static")
    assert content("musl", "static", "passwd")

    switch.write_text("passwd: compat\n")
    try:
        assert "warning" == advice("musl", "static")["nss-modules"].severity
        assert not content("musl", "static", "passwd")
    finally:
        switch.unlink()


def test_module_that_is_there_wants_the_release_of_the_link(fleet, advice, content):
    """With the very glibc it works; which one that was the program does not tell."""
    switch = fleet.root("bookworm") / "etc/nsswitch.conf"
    kept = switch.read_text()
    switch.write_text("passwd: compat\n")
    try:
        found = advice("bookworm", "static")["nss-modules"]
        assert ("info", "libnss_compat.so.2") == (found.severity, found.subject)
        assert "the host has 2.36" in found.message
        assert content("bookworm", "static", "passwd")
    finally:
        switch.write_text(kept)
