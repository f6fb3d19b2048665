"""The common ground of real hosts, and whether it holds."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.hosts.outcome import real_start

X86 = ("bullseye", "bookworm", "trixie", "sid")


@pytest.fixture
def found(fleet, preflight):
    """Return the baseline of the x86-64 hosts with glibc, and of the one with musl."""
    names = ",".join((*X86, "musl"))
    result = preflight(
        "baseline", "-i", str(fleet.inventory), "-l", names, "-F", "none", "--format", "json"
    )
    assert result.status == 0, result.err
    return json.loads(result.out)


def nodes(path) -> set[str]:
    """Return the versions that a library defines, as readelf sees them."""
    said = subprocess.run(["readelf", "-VW", path], capture_output=True, text=True, check=True)
    return set(re.findall(r"Flags: none.*Name: (\S+)", said.stdout))


@pytest.mark.parametrize("library", ["libc.so.6", "libcrypto.so.3", "libz.so.1"])
def test_versions_are_those_that_every_root_has(library, found, fleet):
    """The newest version in common is the newest of what readelf finds in all roots."""
    places = {"libc.so.6": "lib", "libcrypto.so.3": "usr/lib", "libz.so.1": "lib"}
    paths = [fleet.root(root) / places[library] / "x86_64-linux-gnu" / library for root in X86]
    common = found["platforms"][0]["libraries"]

    if not all(path.exists() for path in paths):
        assert library not in common
        return
    shared = set.intersection(*map(nodes, paths))
    assert set(common[library]) <= shared
    for version in common[library]:
        kind = version.rpartition("_")[0]
        same = [v for v in shared if v.rpartition("_")[0] == kind and re.search(r"_[\d.]+$", v)]
        assert version == max(same, key=lambda v: [int(n) for n in re.findall(r"\d+", v)])


def test_shares_count_the_hosts(found):
    """Five hosts: four with glibc, of which one is as old as 2.31, and one with musl."""
    targets = {(t["libc"], t["floor"]): t["hosts"] for t in found["targets"] if not t["cpu_level"]}

    assert targets[None, None] == 5
    assert [targets["glibc", release] for release in ("2.31", "2.36", "2.41")] == [4, 3, 2]
    assert targets["musl", "1.2.3"] == 1


def test_a_program_for_the_lowest_glibc_starts_everywhere(found, fleet):
    """The oldest root's own program is one that needs no more than the floor, and it runs."""
    floor = found["platforms"][0]["release"]
    program = fleet.root("bullseye") / "bin/true"

    assert floor == "2.31"
    for root in X86:
        place = fleet.root(root) / "root/true"
        place.write_bytes(program.read_bytes())
        place.chmod(0o755)
        assert real_start(fleet.root(root), ["/root/true"]).status == 0


def test_facts_give_the_same(fleet, preflight, tmp_path):
    """Judged later, from a file with every library, the ground is the same one."""
    place = ["-i", str(fleet.inventory), "-l", "bookworm,musl", "-F", "none"]
    facts = str(tmp_path / "facts.jsonl")
    assert preflight("probe", *place, "--all", "--save", facts).status == 0

    online = preflight("baseline", *place, "--format", "json")
    offline = preflight("baseline", "--facts", facts, "--format", "json")

    assert json.loads(offline.out) == json.loads(online.out)
    assert offline.err == ""


def test_facts_without_libraries_are_named(run):
    """A file that was not made with --all says nothing of libraries: no floor, and a warning."""
    for made in (["probe", "--local", "--for", "/bin/true"], ["audit", "--local"]):
        assert run(*made, "--save", "facts.jsonl").status == 0

        result = run("baseline", "--facts", "facts.jsonl")

        assert "x86_64, static" in result.out
        assert "warning: localhost: the libraries are not known" in result.err
        assert "hint: preflight probe --all --save FILE" in result.err


def test_hosts_that_are_not_reached_do_not_count(fleet, preflight):
    """The status says that something is undetermined, and who."""
    place = ["-i", str(fleet.inventory), "-l", "bookworm,refused", "-F", "none"]

    result = preflight("baseline", *place)

    assert result.status == 3
    assert "not probed, not counted: refused" in result.out
    assert result.out.startswith("1 host: 1 x86_64")
