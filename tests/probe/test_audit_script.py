"""What the audit's part of the script finds, in any shell, beside this machine's tools."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from preflight.model.audited import Watcher
from preflight.probe.facts import AUDITED, read_audited
from preflight.probe.facts.watchers import parse_watchers
from preflight.probe.interview import Audit, clock_offset


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def audited(interview, shell):
    return interview(shell).begin((), Audit()).audited


def test_values_are_those_of_the_tools_in_every_shell(audited):
    """Memory, processors and file systems are what getconf and findmnt say."""
    pages = int(said("getconf", "_PHYS_PAGES")) * int(said("getconf", "PAGESIZE"))

    assert abs(audited.memory_bytes - pages) <= pages // 100
    assert str(audited.cpus) == said("getconf", "_NPROCESSORS_ONLN")
    root = next(disk for disk in audited.disks if disk.point == "/")
    kind, options = said("findmnt", "-n", "-o", "FSTYPE,OPTIONS", "/").split()
    assert root.fstype == kind
    assert set(root.flags) == set(options.split(",")) & {"ro", "noexec", "nosuid", "nodev"}
    assert root.size_bytes == shutil.disk_usage("/").total
    assert audited.clock_offset_s == 0
    assert audited.init == said("cat", "/proc/1/comm")
    assert audited.package_managers[0] == "apt" or not os.path.exists("/usr/bin/apt-get")


def test_no_key_is_looked_for_where_nobody_wants_it(interview):
    """Then the row is unknown, and says why."""
    audited = interview().begin((), Audit(secrets=False)).audited

    assert audited.exposed is None
    assert audited.unknown["exposed"] == "it was not asked for"


def test_a_check_sends_and_gets_nothing_of_it(interview):
    """Who asks for no audit gets none."""
    assert interview().begin().audited is None


@pytest.mark.parametrize(
    ("clock", "before", "after", "offset"),
    [
        (100, 100.2, 100.4, 0),
        (100, 99.9, 103.0, 0),
        (100, 102.2, 102.4, -1),
        (100, 40.0, 42.0, 58),
        (100, 160.0, 162.0, -59),
    ],
)
def test_a_clock_is_off_only_beyond_doubt(clock, before, after, offset):
    """What whole seconds and the way to the host can explain is no offset."""
    assert clock_offset(clock, before, after) == offset


@pytest.mark.parametrize("junk", [b"\xff\0\n" * 40, b"9" * 9000, b"= x\n", b"= 999\n", b"<\n>\n>"])
def test_a_host_that_prints_junk_is_harmless(junk):
    """Whatever stands in a section, reading it ends, and each unknown has a reason."""
    names = "memory cpus disks init boot manager apparmor fapolicyd packages sshd watchers exposed"
    sections = b"".join(b"\n5eed %b\n%b" % (name.encode(), junk) for name in names.split())

    audited = read_audited({"F": b"\n5eed proc\n" + sections}, "5eed")

    assert audited.memory_bytes is None
    assert all(audited.unknown.values())


def test_a_host_that_says_nothing_has_a_reason_for_everything():
    """No row is taken for absent because nobody spoke of it."""
    audited = read_audited({"F": b""}, "5eed")

    assert audited.unknown.keys() == AUDITED.keys()


def test_a_running_agent_is_told_in_every_shell(interview, shell, tmp_path):
    """A process by the name of one that watches, whatever it really is."""
    agent = tmp_path / "node_exporter"
    shutil.copy("/bin/sleep", agent)
    process = subprocess.Popen([agent, "60"])
    try:
        found = interview(shell).begin((), Audit()).audited.watchers
    finally:
        process.kill()
        process.wait()

    if not os.path.isdir("/sys/fs/cgroup/system.slice"):
        assert Watcher("metrics", "node_exporter") in found


def test_units_are_told_by_their_names():
    """Beside the journal's daemon run units that count for nothing; a path ends in the name."""
    units = ["auditd", "systemd-journald", "systemd-journal-flush", "prometheus-node-exporter"]
    lines = "".join(f"/sys/fs/cgroup/system.slice/{name}.service\n" for name in units)

    found = parse_watchers({"watchers": f"units\nLinux\n{lines}".encode()})

    assert found == (
        Watcher("logs", "systemd-journald"),
        Watcher("metrics", "prometheus-node-exporter"),
        Watcher("security", "auditd"),
    )


def test_processes_that_are_hidden_are_no_proof_of_absence():
    """Where /proc shows one's own processes alone, nobody knows who watches."""
    mounts = b"22 1 0:20 / /proc rw - proc proc rw,hidepid=2\n"

    found = parse_watchers({"watchers": b"processes\nLinux\n", "mountinfo": mounts})

    assert "hidepid" in found.reason
