"""Facts of real hosts, from what the script printed there."""

from __future__ import annotations

from pathlib import Path

import pytest

from preflight.probe.facts import read_facts

RECORDED = Path(__file__).parent / "recorded"
NONCE = "5eed"
AMD64 = "/lib64/ld-linux-x86-64.so.2"
# name: machine, os, ldd, loaders, level
HOSTS = {
    "bullseye": ("x86_64", "Debian GNU/Linux 11 (bullseye)", "2.31", AMD64, "x86-64-v4"),
    "bookworm": ("x86_64", "Debian GNU/Linux 12 (bookworm)", "2.36", AMD64, "x86-64-v4"),
    "trixie": ("x86_64", "Debian GNU/Linux 13 (trixie)", "2.41", AMD64, "x86-64-v4"),
    "sid": ("x86_64", "Debian GNU/Linux forky/sid", "2.43", AMD64, "x86-64-v4"),
    "i386": ("x86_64", "Debian GNU/Linux 12 (bookworm)", "2.36", "/lib/ld-linux.so.2", "x86-64-v4"),
    "arm64": (
        "aarch64",
        "Debian GNU/Linux 12 (bookworm)",
        "2.36",
        "/lib/ld-linux-aarch64.so.1",
        None,
    ),
    "musl": ("x86_64", "musl test", "1.2.3", "/lib/ld-musl-x86_64.so.1", "x86-64-v4"),
}


def frames(name: str) -> dict[str, bytes]:
    return {
        "F": (RECORDED / f"{name}.facts").read_bytes(),
        "X": (RECORDED / f"{name}.auxv").read_bytes(),
        "B": b"\x7fELF\x02\x01\x01" + b"\0" * 13,
    }


@pytest.mark.parametrize("name", HOSTS)
def test_facts_of_a_real_host(name):
    """Machine, distribution, libc, loaders and level are read from any user land."""
    facts, _ = read_facts(frames(name), NONCE)

    found = (facts.machine, facts.os, facts.ldd_version, facts.loaders[0], facts.cpu_level)
    assert found == HOSTS[name]
    assert facts.ldd_family == ("musl" if name == "musl" else "glibc")


@pytest.mark.parametrize("name", HOSTS)
def test_page_size_is_read_from_any_class_of_vector(name):
    """The vector of a 32-bit tool is as good as that of a 64-bit one."""
    facts, _ = read_facts(frames(name), NONCE)

    assert facts.page_size == 4096


def test_everything_else_of_a_real_host():
    """The facts that all hosts have in common."""
    facts, unknown = read_facts(frames("bookworm"), NONCE)

    assert (facts.system, facts.kernel) == ("Linux", "6.1.0-31-amd64")
    assert (facts.uid, facts.gids, facts.user) == (0, (0,), "root")
    assert (facts.os_id, facts.os_version) == ("debian", "12")
    assert (facts.ia32, facts.selinux, facts.proc_mounted) == (True, None, True)
    assert [m.point for m in facts.mounts] == ["/proc"]
    assert facts.shell_head.startswith(b"\x7fELF")
    assert set(unknown) == {"binfmt"}


def test_host_without_answers_has_reasons_for_everything():
    """Nothing was printed: nothing is known, and each fact says why."""
    facts, unknown = read_facts({"F": b""}, NONCE)

    assert facts.system is None
    assert {"machine", "os", "cpu_level", "mounts", "binfmt", "page_size", "uid"} <= set(unknown)
    assert facts.proc_mounted is False


@pytest.mark.parametrize("junk", [b"\xff\0\n" * 40, b"9" * 9000, b"= x\nenabled\nmagic zz\n", b"="])
def test_host_that_prints_junk_is_unknown_and_harmless(junk):
    """Whatever a host prints in a section, reading it ends with facts."""
    names = "tools clock uname ids os ldd loaders proc cpu mountinfo filesystems cmdline abi binfmt"
    sections = b"".join(
        b"\n%b %b\n%b" % (NONCE.encode(), n.encode(), junk) for n in [*names.split(), "selinux"]
    )

    facts, unknown = read_facts({"F": sections, "X": junk, "B": junk}, NONCE)

    assert facts.page_size is None
    assert "mounts" in unknown
