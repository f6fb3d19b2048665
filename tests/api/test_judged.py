"""Hosts that are alike are judged once, and every other host for itself."""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec import structs

import preflight
from preflight.api.judged import Judged, likeness
from preflight.api.wants import Want
from preflight.judge import judge
from preflight.model.need import Need
from preflight.model.question import Stat
from preflight.model.snapshot import Mount, Snapshot
from preflight.model.start import Start
from tests.builders import host as h


def a_host(name: str = "web-1", **facts: object) -> Snapshot:
    """Return a host without the program's loader."""
    return Snapshot(
        host=name,
        address=name,
        status="probed",
        facts=structs.replace(h.FACTS, **facts),
        answers={Stat(h.LOADER): h.state(inode=7)},
    )


def test_what_no_check_sees_makes_no_difference():
    """Clocks, disks under mounts, inode numbers and times are each host's own."""
    disk = Mount("/", "/dev/sda1", "ext4", ("rw",))
    another = structs.replace(
        a_host("web-2", clock_s=99, mounts=(structs.replace(disk, source="/dev/sdb1"),)),
        answers={Stat(h.LOADER): structs.replace(h.state(inode=8), mtime_s=5, ctime_s=6)},
    )

    assert likeness(a_host(clock_s=1, mounts=(disk,))) == likeness(another)


def test_builds_of_one_kernel_release_make_no_difference():
    """Hosts of several patch levels are judged once: a loader asks for the release alone."""
    patched = a_host(kernel="6.1.0-21-amd64", os="Debian GNU/Linux 12 (bookworm)")

    assert likeness(a_host(kernel="6.1.0-18-amd64", os=None)) == likeness(patched)


@pytest.mark.parametrize("fact", ["kernel", "os", "clock_s", "told"])
def test_no_check_reads_what_likeness_leaves_out(fact):
    """A verdict that told such a fact would tell one host another's."""
    rooms = (Path(preflight.__file__).parent / room for room in ("judge", "loader"))
    # The needs of an application are judged for each host by itself.
    files = [p for room in rooms for p in room.rglob("*.py") if p.parent.name != "requirements"]
    readers = [
        path.name
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == fact and "facts" in ast.unparse(node)
    ]

    assert readers == []


def test_what_a_check_may_see_makes_a_difference():
    """A kernel, a mode, a place that forbids execution, a file that two paths lead to."""
    plain = likeness(a_host())
    noexec = (Mount("/", "/dev/sda1", "ext4", ("noexec",)),)
    paths = (Stat(h.LOADER), Stat("/lib/other"))
    one = structs.replace(a_host(), answers=dict.fromkeys(paths, h.state(inode=1)))
    two = structs.replace(
        a_host(), answers={paths[0]: h.state(inode=1), paths[1]: h.state(inode=2)}
    )

    assert plain != likeness(a_host(kernel="5.4.0"))
    assert plain != likeness(a_host(mounts=noexec))
    assert plain != likeness(
        structs.replace(a_host(), answers={Stat(h.LOADER): h.state(inode=7, mode=0o100600)})
    )
    assert likeness(one) != likeness(two)


def test_what_an_application_needs_is_judged_for_each_host():
    """Two hosts that are alike in all that a loader sees differ in their kernels' builds."""
    need = Need(kind="system", subject="kernel", wanted=(("value", "<6.1.0.1"),))
    manifest = h.requirements(None, format="manifest", needs=(need,))
    hosts = [a_host("a", kernel="6.1.0-18-amd64"), a_host("b", kernel="6.1.0.2-21-amd64")]
    judged, alike = Judged(), likeness(hosts[0])

    said = [judged.judge(Want(manifest, Start()), host, alike) for host in hosts]

    assert [judgement.verdict.outcome for judgement in said] == ["deployable", "blocked"]


def test_a_verdict_of_another_host_has_the_hosts_own_name(want):
    """Many threads that want one judgement get equal ones, each for its host."""
    judged = Judged()
    hosts = [a_host(f"web-{number}") for number in range(32)]

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda one: judged.judge(want, one, likeness(one)), hosts))

    expected = [judge(want.requirements, want.start, one) for one in hosts]
    assert expected == said
