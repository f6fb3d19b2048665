"""What ld.so makes of CPUs that are not at hand."""

from __future__ import annotations

import pytest
from msgspec import structs

from preflight.loader.glibc.hardware import Hardware, hardware_of
from preflight.loader.glibc.release import rules_of
from preflight.loader.setting import Setting
from preflight.model.inquiry import Inquiry
from preflight.model.start import Start
from tests.builders import host as h


def seen(release=(2, 36), *, tunables: str = "", **facts: object) -> Hardware:
    """Return what an x86-64 loader sees of a CPU."""
    return hardware_of(
        Setting(
            program=h.program(),
            argv0="./app",
            path=None,
            interpreter=h.LOADER,
            loader=h.loader(),
            loader_id=(1, 2),
            inquiry=Inquiry({}),
            start=Start(env=(("GLIBC_TUNABLES", tunables),)),
            facts=structs.replace(h.FACTS, **facts),
        ),
        rules_of(release),
    )


@pytest.mark.parametrize(
    ("level", "vendor", "platform"),
    [
        ("x86-64-v3", "GenuineIntel", "haswell"),
        ("x86-64-v2", "GenuineIntel", "x86_64"),
        ("x86-64-v3", "AuthenticAMD", "x86_64"),
    ],
)
def test_platform_is_the_kernels_name_or_intels(level, vendor, platform):
    """Only an Intel CPU from Haswell on has another $PLATFORM than the machine."""
    hardware = seen(cpu_level=level, cpu_vendor=vendor)

    assert (platform, None) == (hardware.platform, hardware.platform_doubt)


def test_platform_of_an_unknown_vendor_is_not_known():
    """Without the CPU's vendor nobody can tell."""
    assert seen(cpu_vendor=None).platform_doubt == "the CPU's vendor is not known"


def test_platform_that_no_kernel_told_has_no_value():
    """Under an emulator the token's element is dropped; without /proc nobody can tell."""
    assert seen(cpu_vendor="AuthenticAMD", at_platform=False).platform is None
    assert seen(cpu_vendor="AuthenticAMD", at_platform=None).platform_doubt is not None


def test_legacy_subdirectories_of_the_machine_stand_twice():
    """On AMD the kernel's platform has the name of the loader's own word."""
    found = [*seen((2, 31), cpu_vendor="AuthenticAMD").legacy_subdirs()]

    assert ["tls/x86_64/x86_64", "tls/x86_64"] == found[:2]


def test_platform_was_the_machine_before_2_26():
    """Older releases take what the kernel says."""
    assert seen((2, 17)).platform == "x86_64"


def test_legacy_subdirectories_of_2_17():
    """CentOS 7 looks into tls/x86_64, tls and x86_64."""
    assert [*seen((2, 17)).legacy_subdirs()] == ["tls/x86_64", "tls", "x86_64"]


def test_no_legacy_subdirectories_from_2_37_on():
    """They were dropped."""
    assert [*seen((2, 37)).legacy_subdirs()] == []


def test_levels_end_with_that_of_the_cpu():
    """Only levels that the CPU has are searched, the best first."""
    assert seen(cpu_level="x86-64-v3").levels == ("x86-64-v3", "x86-64-v2")


def test_levels_of_an_unknown_cpu_are_doubtful():
    """All levels may be searched, and none is certain."""
    hardware = seen(cpu_level=None)

    assert len(hardware.levels) == 3
    assert hardware.level_doubt == "the CPU's level is not known"


def test_levels_under_tunables_are_doubtful():
    """GLIBC_TUNABLES can hide features of the CPU."""
    assert seen(tunables="glibc.cpu.hwcaps=-AVX2").level_doubt is not None
