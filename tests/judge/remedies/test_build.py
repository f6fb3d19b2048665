"""In the build: which change is advised for which program and host; `test_remedies` runs them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from preflight.analyze import analyze
from preflight.elf import read_bytes
from preflight.judge import judge
from preflight.model.go import GoBuild, GoLinkage
from preflight.model.snapshot import BinfmtHandler
from preflight.model.start import Start
from tests.builders import host as h

START = 'void _start(void) { half(1); __asm__("xor %edi,%edi; mov $60,%eax; syscall"); }'
X86 = BinfmtHandler("qemu-x86_64", "/usr/bin/qemu", "F", 18, b"\x3e\0", b"\xff\xff")
DEBIAN_10 = {"os_id": "debian", "os_version": "10", "ldd_family": "glibc", "ldd_version": "2.28"}


def commands(verdict, code: str) -> list[str | None]:
    """Return the commands that mend the first finding of *code* in the build."""
    found = next(finding for finding in verdict.findings if finding.code == code)
    return [remedy.command for remedy in found.remedies if remedy.where == "build"]


def needing(version: str, library: str = "libc.so.6", **fields):
    """Return what is said of a program that needs a version which the host lacks."""
    image = h.program(library, version_needs=h.wants(library, version))
    answers = h.files({f"/lib/{library}": h.elf(version_defs=h.defines("GLIBC_2.2.5"))})
    needs = h.requirements(image, **fields)
    return lambda **facts: commands(
        judge(needs, Start(), h.snapshot(answers, facts=facts)).verdict, "version-missing"
    )


def test_glibc_of_the_host_is_the_target():
    """Its release is named where it is known, and an image that has such a one."""
    told = needing("GLIBC_2.38")

    assert told(**DEBIAN_10) == [
        "zig cc -target x86_64-linux-gnu.2.28",
        'docker run --rm -v "$PWD:/src" -w /src buildpack-deps:buster gcc',
        "musl-gcc -static",
    ]
    rocky = {"os_id": "rocky", "os_version": "9.4", "ldd_family": "glibc", "ldd_version": "2.34"}
    assert "quay.io/pypa/manylinux_2_34_x86_64 gcc" in str(told(**rocky))
    assert "docker" not in str(told(**rocky | {"ldd_version": "2.12"}))


def test_words_of_a_host_that_are_no_plain_words_stand_in_no_command():
    """What a host says of itself never becomes a shell's code."""
    told = needing("GLIBC_2.38")
    facts = {"ldd_family": "glibc", "ldd_version": "2.28; reboot", "machine": "$(reboot)"}

    assert "reboot" not in str(told(**facts))


@pytest.mark.parametrize(
    ("linkage", "first"),
    [
        (GoLinkage("dynamic-cgo", ("net (getaddrinfo)",)), "CGO_ENABLED=0 go build"),
        (GoLinkage("dynamic-cgo", ("libsqlite3.so.0",)), "CGO_ENABLED=0 go build"),
        (GoLinkage("dynamic", ("-buildmode=pie",)), "CGO_ENABLED=0 go build -buildmode=exe"),
    ],
)
def test_go_is_told_to_do_without_c(linkage, first):
    """Without cgo first; the tags alone where no other package uses it."""
    told = needing("GLIBC_2.38", go=GoBuild("go1.19"), go_linkage=linkage)(**DEBIAN_10)

    assert told[0] == first
    assert ("go build -tags netgo,osusergo" in told) == (linkage.reasons[0].startswith("net"))


def test_another_s_need_is_not_mended_in_the_program_s_build():
    """A library of the host that lacks another has nothing to do with the build."""
    needing = h.elf("libgone.so", soname="liba.so")
    verdict = judge(
        h.requirements(h.program("liba.so")),
        Start(),
        h.snapshot(h.files({"/lib/liba.so": needing})),
    ).verdict

    assert commands(verdict, "library-missing") == []


@pytest.mark.parametrize(
    ("paths", "install_path", "place"),
    [
        ({"runpath": "/x:$ORIGIN/../lib"}, "/opt/app/bin/app", "/opt/app/lib/"),
        ({"rpath": "${ORIGIN}"}, "/opt/app/app", "/opt/app/"),
        ({"runpath": "/x", "rpath": "$ORIGIN"}, "/opt/app/app", None),
        ({"runpath": "$ORIGIN/$LIB"}, "/opt/app/app", None),
    ],
)
def test_library_goes_where_the_program_looks_already(paths, install_path, place):
    """A path beside the program that it has need not be linked into it again."""
    needs = h.requirements(h.program("libgone.so", **paths))
    start = Start(install_path=install_path)
    verdict = judge(needs, start, h.snapshot()).verdict

    found = next(one for one in verdict.findings if one.subject == "libgone.so")
    told = [(one.text, one.command) for one in found.remedies if one.where == "build"]
    if place:
        assert told == [(f"put libgone.so into {place}", None)]
    else:
        assert all("-rpath" in command for _, command in told)


def test_a_static_program_for_another_machine_is_no_help():
    """On an emulating host it would be one more foreign program; the machine is to be changed."""
    facts = {**DEBIAN_10, "machine": "aarch64", "cpu_level": None, "binfmt": (X86,)}
    told = judge(h.requirements(h.program()), Start(), h.snapshot({}, facts=facts)).verdict

    assert commands(told, "interpreter-missing")[0] == "aarch64-linux-gnu-gcc"
    assert "-static" not in str(commands(told, "interpreter-missing"))


@pytest.mark.parametrize(
    ("machine", "told"),
    [
        ("armv7l", ["arm-linux-gnueabihf-gcc", "zig cc -target arm-linux-gnueabihf.2.28"]),
        ("i686", ["gcc -m32", "zig cc -target x86-linux-gnu.2.28"]),
        ("armv6l", []),
    ],
)
def test_machine_of_the_host_has_the_toolchain_s_own_name(machine, told):
    """Which it is, is told for machines that have one name alone."""
    facts = {**DEBIAN_10, "machine": machine, "cpu_level": None}
    verdict = judge(h.requirements(h.program()), Start(), h.snapshot(facts=facts)).verdict

    assert commands(verdict, "machine-mismatch") == told


def linked(directory: Path, name: str, source: str, *flags: str) -> Path:
    """Return a shared library of this source, or with -pie a program."""
    (directory / f"{name}.c").write_text(source)
    kind = () if "-pie" in flags else ("-shared",)
    command = ["gcc", *kind, "-fPIC", "-nostdlib", "-o", name, f"{name}.c", *flags]
    subprocess.run(command, cwd=directory, check=True)
    return directory / name


@pytest.mark.slow
def test_pinned_symbol_needs_the_version_that_the_host_has(tmp_path):
    """The advised line, put into the source, binds pow(3) to what an old libm offers."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc here")
    (tmp_path / "old.map").write_text("GLIBC_2.2.5 { pow; };")
    old = linked(
        tmp_path, "libm.so.6", "double pow(double a, double b) { return a * b; }",
        "-Wl,-soname,libm.so.6,--version-script=old.map",
    )  # fmt: skip
    answers = h.files({"/lib/libm.so.6": read_bytes(old.read_bytes())})
    source = "double pow(double, double);\ndouble half(double a) { return pow(a, .5); }"

    def judged(text: str):
        app = linked(tmp_path, "app", f"{text}\n{START}", "-pie", "-lm")
        return judge(analyze(app), Start(), h.snapshot(answers, facts=DEBIAN_10)).verdict

    pin = commands(judged(source), "version-missing")[0]
    assert pin == '__asm__(".symver pow,pow@GLIBC_2.2.5");'

    assert [f.code for f in judged(f"{pin}\n{source}").findings if f.severity == "error"] == []
