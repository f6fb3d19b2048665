"""Levels, flags and page sizes."""

from __future__ import annotations

import struct

import pytest

from preflight.probe.facts import cpu
from preflight.probe.facts.outputs import NO_PROC, Unknown

BASE = "lm cmov cx8 fpu fxsr mmx syscall sse sse2"
V2 = f"{BASE} cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"
V3 = f"{V2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
V4 = f"{V3} avx512f avx512bw avx512cd avx512dq avx512vl"


def outputs(flags: str, machine: str = "x86_64") -> dict[str, bytes]:
    said = f"vendor_id\t: X\nflags\t\t: {flags}\n\nflags\t\t: other\n"
    return {"proc": b"", "cpu": said.encode(), "uname": f"Linux 6.1 {machine}\n".encode()}


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        (BASE, "x86-64"),
        (V2, "x86-64-v2"),
        (V3, "x86-64-v3"),
        (V4, "x86-64-v4"),
        (V4.replace(" movbe", ""), "x86-64-v2"),
        (V3.replace(" pni", ""), "x86-64"),
        (BASE.replace("lm ", "", 1), None),
    ],
)
def test_level_is_the_highest_that_is_whole(flags, level):
    """One missing flag ends the ladder; a 32-bit processor is on none of its rungs."""
    assert cpu.parse_level(outputs(flags)) == level


def test_other_machines_have_no_level():
    """On Arm the level is known to be none, not unknown."""
    assert cpu.parse_level(outputs(V4, "aarch64")) is None


def test_flags_are_those_of_the_first_processor():
    """Later processors do not count, and Arm calls the line Features."""
    arm = {"proc": b"", "cpu": b"processor: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"}

    assert cpu.parse_flags(outputs("a b")) == ("a", "b")
    assert (cpu.parse_flags(arm), cpu.parse_vendor(arm)) == (("fp", "asimd"), "0x41")


def test_processor_without_proc_is_unknown():
    """Neither flags nor level are guessed where /proc is not mounted."""
    outputs = {"uname": b"Linux 6.1 x86_64\n"}

    assert cpu.parse_flags(outputs) == cpu.parse_level(outputs) == NO_PROC


@pytest.mark.parametrize("form", ["<QQ", "<II", ">QQ", ">II"])
def test_page_size_of_every_class_and_byte_order(form):
    """The vector is read by whichever form makes sense of it."""
    pairs = [(33, 0x7FFE), (16, 0xBFEBFBFF), (6, 65536), (17, 100), (3, 0x4000), (0, 0)]
    vector = b"".join(struct.pack(form, *pair) for pair in pairs)

    assert cpu.parse_page_size({"proc": b"", "auxv": vector}) == 65536


@pytest.mark.parametrize(
    "vector", [b"", b"\0" * 16, b"yes" * 99, struct.pack("<4Q", 6, 4097, 0, 0)]
)
def test_vector_without_a_sensible_page_size_is_unknown(vector):
    """A size that is no power of two is none."""
    assert isinstance(cpu.parse_page_size({"proc": b"", "auxv": vector}), Unknown)
