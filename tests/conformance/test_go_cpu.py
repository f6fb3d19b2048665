"""Go programs, which look at the CPU themselves.  Source: Go src/runtime/asm_amd64.s and others."""

from __future__ import annotations

import subprocess

import pytest

from preflight.analyze import analyze
from preflight.judge import judge
from preflight.model.start import Start
from tests.builders import host as h
from tests.builders.go import go_program

pytestmark = pytest.mark.hosts

QEMU = "/usr/bin/qemu-x86_64-static"
MAIN = "package main\n\nfunc main() {}\n"
NEHALEM = {"cpu_level": "x86-64-v2"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A Go program for each GOAMD64 level."""
    directory = tmp_path_factory.mktemp("go")
    (directory / "main.go").write_text(MAIN)
    for level in ("v1", "v2", "v3", "v4"):
        go_program(directory, level, GOAMD64=level)
    return directory


@pytest.mark.parametrize("level", ["v1", "v2", "v3", "v4"])
def test_go_program_is_judged_as_its_runtime_decides(built, level):
    """On a Nehalem levels from v3 on end with the runtime's own line and status 1."""
    path = str(built / level)
    real = subprocess.run(
        [QEMU, "-cpu", "Nehalem", path], capture_output=True, text=True, check=False
    )

    verdict = judge(analyze(path), Start(), h.snapshot(facts=NEHALEM)).verdict

    assert (verdict.predicted_exit or 0) == real.returncode
    assert (verdict.predicted_error or "") == real.stderr.strip()
    assert verdict.outcome == ("blocked" if real.returncode else "deployable")


# qemu's CPU → what Linux tells of such a one; settings that it meets, and that it does not.
CPUS = {
    "arm-arm946": ("armv5tel", "half thumb edsp", ("GOARM=5",), ("GOARM=6", "GOARM=7")),
    "arm-arm1176": ("armv6l", "half thumb vfp", ("GOARM=5", "GOARM=6"), ("GOARM=7",)),
    "arm-cortex-a8": ("armv7l", "half vfp vfpv3", ("GOARM=5", "GOARM=6", "GOARM=7"), ()),
    "ppc64le-power8": ("ppc64le", "", ("GOPPC64=power8",), ("GOPPC64=power9",)),
    "ppc64le-power9": ("ppc64le", "", ("GOPPC64=power8", "GOPPC64=power9"), ()),
    "i386-486": ("i486", "fpu", (), ("GO386=sse2", "GO386=softfloat")),
}
ARCHITECTURES = {"i386": "386"}


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A Go program for each setting of the `CPUS`."""
    directory = tmp_path_factory.mktemp("crossed")
    (directory / "main.go").write_text(MAIN)
    for cpu, (_, _, met, unmet) in CPUS.items():
        arch = cpu.partition("-")[0]
        for setting in (*met, *unmet):
            name, _, value = setting.partition("=")
            variables = {"GOARCH": ARCHITECTURES.get(arch, arch), name: value}
            go_program(directory, setting, **variables)
    return directory


@pytest.mark.slow
@pytest.mark.parametrize("cpu", CPUS)
def test_setting_ends_as_judged_on_a_cpu_that_lacks_it(crossed, cpu):
    """By the runtime's own line on a 486, by SIGILL on Arm and POWER; the least is advised."""
    machine, flags, met, unmet = CPUS[cpu]
    arch, _, model = cpu.partition("-")
    facts = {"machine": machine, "cpu_level": None, "cpu_flags": tuple(flags.split())}
    facts |= {"cpu_vendor": model.upper()} if "power" in model else {}
    for setting in (*met, *unmet):
        emulator = [f"/usr/bin/qemu-{arch}-static", "-cpu", model, str(crossed / setting)]
        real = subprocess.run(emulator, capture_output=True, text=True, check=False)

        verdict = judge(analyze(crossed / setting), Start(), h.snapshot(facts=facts)).verdict

        status = 128 - real.returncode if real.returncode < 0 else real.returncode
        said = "" if real.returncode < 0 else real.stderr.strip()  # else it is qemu's
        assert (verdict.outcome == "blocked") == (setting in unmet), setting
        advised = [r.command for f in verdict.findings for r in f.remedies if r.where == "build"]
        assert advised == ([f"{met[0]} go build"] if met and setting in unmet else [])
        assert (verdict.predicted_exit or 0, verdict.predicted_error or "") == (status, said)
