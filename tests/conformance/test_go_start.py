"""Go programs of each kind end on real hosts as they are judged."""

from __future__ import annotations

import shutil

import pytest
from msgspec import structs

from preflight.analyze import analyze
from preflight.api import check
from preflight.inventory import load
from preflight.model.start import Start
from tests.builders.go import go_program
from tests.hosts.outcome import real_start

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

NET = """package main

import "net"

func main() { a, _ := net.LookupHost("127.0.0.1"); println(len(a)) }
"""
EXTERNAL = "-linkmode external -extldflags -static"
BUILDS = {
    "dynamic": ({"CGO_ENABLED": "1"}, ()),
    "pie": ({"CGO_ENABLED": "0"}, ("-buildmode=pie",)),
    "static": ({"CGO_ENABLED": "0"}, ()),
    "static-cgo": ({"CGO_ENABLED": "1"}, ("-ldflags", EXTERNAL)),
    "arm64": ({"GOARCH": "arm64", "CGO_ENABLED": "0"}, ()),
    "i386": ({"GOARCH": "386", "CGO_ENABLED": "0"}, ()),
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A directory with a program for each of the `BUILDS`."""
    directory = tmp_path_factory.mktemp("go-start")
    (directory / "main.go").write_text(NET)
    for name, (variables, arguments) in BUILDS.items():
        go_program(directory, name, *arguments, **variables)
    return directory


@pytest.mark.parametrize("host", ["bullseye", "trixie", "musl", "i386"])
@pytest.mark.parametrize("name", BUILDS)
def test_go_program_ends_on_the_host_as_judged(fleet, programs, host, name):
    """Outcome, first line and exit status of a blocked start are the real ones."""
    place = f"/root/go-{name}"
    shutil.copy(programs / name, fleet.root(host) / place[1:])
    there = [
        structs.replace(one, start=Start(install_path=place))
        for one in load([str(fleet.inventory)]).hosts
        if one.name == host
    ]

    (verdict,) = check([analyze(programs / name)], there).verdicts
    real = real_start(fleet.root(host), [place])

    assert verdict.outcome == ("blocked" if real.refused else "deployable"), verdict.findings
    if real.loader_line is not None:
        assert verdict.predicted_error == real.loader_line
        assert verdict.predicted_exit == real.status
    elif not real.refused:
        assert real.status == 0
