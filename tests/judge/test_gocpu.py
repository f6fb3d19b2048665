"""What a Go program was built for, against the CPU.  Source: Go src/runtime, internal/buildcfg."""

from __future__ import annotations

import pytest

from preflight.judge import judge
from preflight.model.elf import EM_386, EM_AARCH64, EM_ARM
from preflight.model.go import GoBuild
from preflight.model.start import Start
from preflight.model.verdict import Verdict
from tests.builders import host as h

MACHINES = {
    "386": (EM_386, 32, "i686"),
    "arm": (EM_ARM, 32, "armv7l"),
    "arm64": (EM_AARCH64, 64, "aarch64"),
    "ppc64le": (21, 64, "ppc64le"),
    "riscv64": (243, 64, "riscv64"),
    "mips": (8, 32, "mips"),
}
LSE = "This program can only run on ARM64 processors with LSE support."
MMX = "This program can only be run on processors with MMX support."
NOTHING, SIGNAL = (None, None), (None, 132)
CRYPTO = "fp asimd aes pmull sha1 sha2"


def verdict(arch: str, setting: str, flags: str, **facts: object) -> Verdict:
    """Return what becomes of a static Go program on a CPU with these flags."""
    machine, bits, uname = MACHINES[arch]
    name, _, value = setting.partition("=")
    settings = (("GOARCH", arch), ("GOOS", "linux"), (name, value))
    endian = "big" if arch == "mips" else "little"
    size = 56 if bits == 64 else 32
    head = bytearray(h.head(machine))
    head[44:46] = (2).to_bytes(2, endian)  # e_phnum of a 32-bit file
    values = {"bits": bits, "endian": endian, "phentsize": size, "head": bytes(head)}
    elf = h.elf(type=2, machine=machine, **values)
    needs = h.requirements(elf, go=GoBuild("go1.23.1", settings=settings))
    told = {"machine": uname, "cpu_level": None, "cpu_flags": tuple(flags.split())} | facts
    return judge(needs, Start(), h.snapshot(facts=told)).verdict


@pytest.mark.parametrize(
    ("arch", "setting", "flags", "outcome", "ending"),
    [
        ("arm", "GOARM=5", "half thumb", "deployable", NOTHING),
        ("arm", "GOARM=5,hardfloat", "half thumb", "blocked", SIGNAL),
        ("arm", "GOARM=6", "half thumb", "blocked", SIGNAL),
        ("arm", "GOARM=6", "half thumb vfp", "deployable", NOTHING),
        ("arm", "GOARM=7", "half thumb vfp", "blocked", SIGNAL),
        ("arm", "GOARM=7,hardfloat", "half vfp", "blocked", SIGNAL),
        ("arm", "GOARM=7,softfloat", "half thumb", "deployable", NOTHING),
        ("arm", "GOARM=7", "half vfp vfpv3 vfpv3d16", "deployable", NOTHING),
        ("arm", "GOARM=7", "", "unknown", NOTHING),
        ("arm", "GOARM=5", "", "deployable", NOTHING),
        ("386", "GO386=sse2", "fpu mmx sse sse2", "deployable", NOTHING),
        ("386", "GO386=sse2", "fpu mmx sse", "blocked", NOTHING),
        ("386", "GO386=softfloat", "fpu mmx", "deployable", NOTHING),
        ("386", "GO386=softfloat", "fpu", "blocked", (MMX, 1)),
        ("386", "GO386=sse2", "", "unknown", NOTHING),
        ("arm64", "GOARM64=v8.0", "", "deployable", NOTHING),
        ("arm64", "GOARM64=v8.0,lse", "fp asimd", "blocked", (LSE, 1)),
        ("arm64", "GOARM64=v8.1", "fp asimd", "blocked", (LSE, 1)),
        ("arm64", "GOARM64=v9.0", "fp asimd atomics", "deployable", NOTHING),
        ("arm64", "GOARM64=v8.1", "", "unknown", NOTHING),
        ("arm64", "GOARM64=v8.0,crypto", CRYPTO, "deployable", NOTHING),
        ("arm64", "GOARM64=v8.0,crypto", "fp asimd", "deployable", NOTHING),
        ("riscv64", "GORISCV64=rva20u64", "rv64imafdc", "deployable", NOTHING),
        ("riscv64", "GORISCV64=rva22u64", "rv64imafdc_zba_zbb_zbs", "deployable", NOTHING),
        ("riscv64", "GORISCV64=rva22u64", "rv64imafdc", "unknown", NOTHING),
        ("mips", "GOMIPS=hardfloat", "", "deployable", NOTHING),
    ],
)
def test_setting_against_the_flags(arch, setting, flags, outcome, ending):
    """Blocked where the CPU lacks what is used, unknown where that was not seen."""
    found = verdict(arch, setting, flags)

    assert (found.outcome, (found.predicted_error, found.predicted_exit)) == (outcome, ending)
    assert outcome == "deployable" or found.findings[-1].code == "cpu-level-too-low"


@pytest.mark.parametrize(
    ("setting", "cpu", "outcome"),
    [
        ("GOPPC64=power8", None, "deployable"),
        ("GOPPC64=power9", None, "unknown"),
        ("GOPPC64=power9", "POWER8E (raw), altivec supported", "blocked"),
        ("GOPPC64=power10", "POWER9, altivec supported", "blocked"),
        ("GOPPC64=power9", "POWER9 (raw), altivec supported", "deployable"),
        ("GOPPC64=power9", "POWER10 (architected), altivec supported", "deployable"),
    ],
)
def test_power_setting_against_the_processors_name(setting, cpu, outcome):
    """The kernel names the processor; one that it does not name may lack what power9 asks."""
    assert verdict("ppc64le", setting, "", cpu_vendor=cpu).outcome == outcome


def test_older_arm_is_refused_although_it_has_floating_point():
    """An ARMv6 with VFP lacks ARMv7's instructions, floating point or not."""
    found = verdict("arm", "GOARM=7,softfloat", "half vfp", machine="armv6l")

    assert found.outcome == "blocked"
    assert "ARMv6" in found.findings[-1].message


def test_crypto_that_is_missing_is_warned_of():
    """Nobody looks for the crypto extension; the program may end by a signal."""
    found = verdict("arm64", "GOARM64=v8.0,crypto", "fp asimd aes")

    assert [(f.code, f.severity) for f in found.findings if f.severity != "info"] == [
        ("cpu-level-too-low", "warning")
    ]


def test_64_bit_cpu_has_what_386_asks():
    """An x86-64 CPU has SSE2, whether or not its flags were seen."""
    assert verdict("386", "GO386=sse2", "", machine="x86_64", ia32=True).outcome == "deployable"


@pytest.mark.parametrize(
    ("arch", "setting", "flags", "commands"),
    [
        ("arm", "GOARM=7", "half vfp", ["GOARM=5 go build"]),
        ("arm64", "GOARM64=v8.1", "fp", ["GOARM64=v8.0 go build"]),
        ("386", "GO386=softfloat", "fpu", []),
    ],
)
def test_remedy_is_what_asks_for_least(arch, setting, flags, commands):
    """Each machine has a setting of its own; where it is taken already there is none."""
    finding = verdict(arch, setting, flags).findings[-1]

    assert [remedy.command for remedy in finding.remedies] == commands
