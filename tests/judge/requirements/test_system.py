"""The system, its release, its kernel and its size."""

from __future__ import annotations

import pytest

from preflight.judge.requirements.system import is_release, parse_os_release
from preflight.model.question import BytesContent, ReadBytes
from tests.builders import host as h
from tests.judge.requirements.needs import need, outcome, said

DEBIAN = b'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n'
ROCKY = b'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.3"\nPRETTY_NAME=\'Rocky 9.3\'\n'
UBUNTU = b'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04.4 LTS"\n'
AMAZON = b'ID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2023"\n'
SID = b'PRETTY_NAME="Debian GNU/Linux trixie/sid"\nID=debian\n'


def on(system: bytes) -> dict:
    return {ReadBytes("/etc/os-release"): BytesContent(h.state(), "", system)}


@pytest.mark.parametrize(
    ("system", "wanted", "result"),
    [
        (DEBIAN, "debian>=12", True),
        (DEBIAN, "debian>=13", False),
        (DEBIAN, "debian >= 11, <12", False),
        (DEBIAN, "debian", True),
        (ROCKY, "rhel>=8", True),
        (ROCKY, "rhel>=9.4", False),
        (ROCKY, "rocky==9.*", True),
        (UBUNTU, "debian>=12", False),
        (UBUNTU, "debian", True),
        (UBUNTU, "ubuntu>=22.04", True),
        (AMAZON, "rhel>=8", False),
        (SID, "debian>=12", None),
    ],
)
def test_releases_count_from_the_number_of_their_own_system(system, wanted, result):
    """A rebuild has the numbers of what it rebuilds; a relative has not."""
    assert is_release(parse_os_release(system), wanted) is result


def test_one_of_several_releases_is_enough():
    """A list is a choice; what is found and what is needed are both told."""
    assert outcome(need("system", "release", "rhel>=8 or debian>=12"), on(DEBIAN)) == "met"
    assert outcome(need("system", "release", "rhel>=8 or debian>=13"), on(DEBIAN)) == (
        "error: the system is Debian GNU/Linux 12 (bookworm), and rhel>=8 or debian>=13 is needed"
    )


def test_a_system_without_a_number_is_not_guessed():
    """Debian's testing and unstable have no VERSION_ID."""
    found = outcome(need("system", "release", "debian>=12"), on(SID))

    assert found.startswith("unknown: Debian GNU/Linux trixie/sid has no release number")
    assert outcome(need("system", "release", "debian>=12"), {}).startswith("unknown: ")


@pytest.mark.parametrize(
    ("kernel", "met"),
    [("5.4.0-150-generic", True), ("5.10.0", True), ("5.3.18-150300", False), (None, None)],
)
def test_kernels_are_compared_by_their_numbers(kernel, met):
    """5.10 is newer than 5.4, whatever the vendor adds."""
    found = outcome(need("system", "kernel", ">=5.4"), kernel=kernel)

    assert found.partition(":")[0] == {True: "met", False: "error", None: "unknown"}[met]


def test_machines_are_a_choice():
    """As uname -m says them."""
    assert outcome(need("system", "machine", "aarch64 or x86_64")) == "met"
    assert outcome(need("system", "machine", "aarch64")) == (
        "error: the machine is x86_64, and aarch64 is needed"
    )


def test_memory_is_all_that_the_kernel_has():
    """MemTotal, which is a little less than what was built in."""
    answer = said("read", "/proc/meminfo", text="MemTotal:        2014520 kB\nMemFree: 1 kB\n")

    assert outcome(need("system", "memory", "1900MiB"), answer) == "met"
    assert outcome(need("system", "memory", "2GiB"), answer) == (
        "error: the host has 1.9 GiB of memory, and 2GiB is needed"
    )
    assert outcome(need("system", "memory", "2GiB")).startswith("unknown: ")


def test_cpus_are_those_that_programs_may_use():
    """As nproc counts them; where it is not there, nobody knows."""
    answer = said("cpus", text="2\n\nexit 0")

    assert outcome(need("system", "cpus", "2"), answer) == "met"
    assert outcome(need("system", "cpus", "4"), answer) == (
        "error: the host has 2 CPUs, and 4 are needed"
    )
    gone = said("cpus", text="timeout: failed to run command 'nproc': No such file\n\nexit 127")
    assert outcome(need("system", "cpus", "1"), gone).startswith("unknown: ")
