"""Go programs are told as Go's own tool tells them.  Source: Go src/debug/buildinfo."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from preflight.analyze import analyze
from preflight.analyze.buildinfo import _images, go_build
from preflight.analyze.golinkage import go_linkage
from preflight.analyze.mapped import Part
from preflight.elf import BytesSource, read_bytes
from preflight.judge import judge
from preflight.model.go import GoBuild, GoModule
from preflight.model.start import Start
from tests.builders import host as h
from tests.builders.go import go_program
from tests.conftest import skip_or_fail
from tests.hosts import roots
from tests.hosts.needs import missing
from tests.hosts.recipes import GO_PROGRAMS

pytestmark = pytest.mark.hosts

MARK = b"\xff Go buildinf:"
# Before and after the lines.  Source: Go src/cmd/go/internal/modload/build.go.
LINES = (
    bytes.fromhex("3077af0c9274080241e1c107e6d618e6"),
    bytes.fromhex("f932433186182072008242104116d8f2"),
)
SOURCES = {
    "pure": "package main\n\nfunc main() { println(1) }\n",
    "net": """package main

import "net"

func main() { a, e := net.LookupHost("localhost"); println(len(a), e != nil) }
""",
    "user": """package main

import "os/user"

func main() { u, e := user.Current(); println(u != nil, e != nil) }
""",
    "own": """package main

// #include <stdlib.h>
import "C"

func main() { println(C.abs(-1)) }
""",
}
STATIC = ("-ldflags", "-linkmode external -extldflags -static")
# name → (source, arguments of go build, environment, linkage, the first reason)
MODES = {
    "pure": ("pure", (), {}, "static", ""),
    "cgo-enabled-and-not-used": ("pure", (), {"CGO_ENABLED": "1"}, "static", ""),
    "net": ("net", (), {"CGO_ENABLED": "1"}, "dynamic-cgo", "net (getaddrinfo)"),
    "net-without-cgo": ("net", (), {"CGO_ENABLED": "0"}, "static", ""),
    "net-by-tag": ("net", ("-tags", "netgo"), {"CGO_ENABLED": "1"}, "static", ""),
    "user": ("user", (), {"CGO_ENABLED": "1"}, "dynamic-cgo", "os/user (getpwnam_r)"),
    "own": ("own", (), {"CGO_ENABLED": "1"}, "dynamic-cgo", "main (abs)"),
    "own-stripped": ("own", ("-ldflags=-s -w",), {"CGO_ENABLED": "1"}, "dynamic-cgo", "main (abs)"),
    "own-static": ("own", STATIC, {"CGO_ENABLED": "1"}, "static-cgo", "glibc, main (abs)"),
    "own-c-shared": ("own", ("-buildmode=c-shared",), {}, "dynamic-cgo", "main (abs)"),
    "plugin": ("own", ("-buildmode=plugin",), {}, None, ""),  # says nothing of its build
    "nobody": ("pure", ("-ldflags=-linkmode=external",), {}, "dynamic-cgo", "a package that no"),
    "pie": ("pure", ("-buildmode=pie",), {"CGO_ENABLED": "0"}, "dynamic", "-buildmode=pie"),
    "stripped": ("net", ("-ldflags=-s -w",), {"CGO_ENABLED": "1"}, "dynamic-cgo", "net ("),
    "arm": ("pure", (), {"GOARCH": "arm", "GOARM": "6"}, "static", ""),
    "windows": ("pure", (), {"GOOS": "windows"}, None, ""),
    "windows-386": ("pure", (), {"GOOS": "windows", "GOARCH": "386"}, None, ""),
    "freebsd": ("pure", (), {"GOOS": "freebsd"}, "static", ""),
    "darwin": ("pure", (), {"GOOS": "darwin", "GOARCH": "arm64"}, None, ""),
    "mips": ("pure", (), {"GOARCH": "mips"}, "static", ""),
    "ppc64": ("pure", (), {"GOARCH": "ppc64"}, "static", ""),
    "s390x": ("pure", (), {"GOARCH": "s390x"}, "static", ""),
}


@pytest.fixture(scope="module")
def modes(tmp_path_factory):
    """A directory with a program for each of the `MODES`."""
    directory = tmp_path_factory.mktemp("modes")
    for source, text in SOURCES.items():
        (directory / source).mkdir()
        (directory / source / "main.go").write_text(text)
        (directory / source / "go.mod").write_text(f"module example.org/{source}\n\ngo 1.19\n")
    for name, (source, arguments, variables, *_) in MODES.items():
        flags = {"GOFLAGS": "-mod=mod -buildvcs=false"}
        go_program(directory / source, directory / f"{name}.out", *arguments, **flags, **variables)
    return directory


def told(path: Path) -> list[str]:
    """Return what `go version -m` tells of a file, line by line."""
    path.chmod(path.stat().st_mode | 0o100)  # it looks at nothing else
    command = ["go", "version", "-m", path]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.removeprefix(f"{path}: ").splitlines()


def as_told(build: GoBuild | None) -> list[str]:
    """Return the same of what was read."""
    assert build is not None
    lines = [build.release, *([f"\tpath\t{build.path}"] if build.path else [])]
    lines += _module("mod", build.main)
    lines += [line for module in build.modules for line in _module("dep", module)]
    return lines + [f"\tbuild\t{name}={_quoted(value)}" for name, value in build.settings]


def _module(kind: str, module: GoModule | None) -> list[str]:
    if module is None:
        return []
    line = f"\t{kind}\t{module.path}\t{module.version}\t{module.sum}".rstrip("\t")
    return [line, *_module("=>", module.replacement)]


def _quoted(value: str) -> str:
    return f'"{value}"' if set(value) & set(' \t"`') else value


@pytest.mark.parametrize("name", [name for name in MODES if name != "plugin"])
def test_a_program_of_each_mode_is_told_as_go_tells_it(name, modes):
    """Release, package, modules and settings are those of `go version -m`; the linkage is named."""
    *_, linkage, reason = MODES[name]
    path = modes / f"{name}.out"

    needs = analyze(path)

    assert as_told(needs.go) == [line.rstrip("\t") for line in told(path)]
    assert (needs.go_linkage.kind if needs.go_linkage else None) == linkage
    assert ", ".join(needs.go_linkage.reasons if needs.go_linkage else ()).startswith(reason)


@pytest.mark.parametrize(
    ("name", "mode", "library"),
    [
        ("pure", "exe", False),
        ("pie", "pie", False),
        ("own-static", "exe", False),
        ("own-c-shared", "c-shared", True),
        ("plugin", "plugin", True),
    ],
)
def test_build_mode_is_seen_where_it_is_not_told(name, mode, library, modes):
    """The file's kind and a plugin's own symbol tell it; what a program loads is a library."""
    needs = analyze(modes / f"{name}.out")

    assert go_linkage(needs.elf, GoBuild("go1.19.8"), b"", ()).mode == mode
    assert needs.go is None or needs.go_linkage.mode == mode
    codes = {finding.code for finding in judge(needs, Start(), h.snapshot()).verdict.findings}
    assert ("judged-as-library" in codes) == library


def test_a_program_for_another_system_is_refused(modes):
    """Linux starts a program for FreeBSD, which ends at once; it never prints its line."""
    path = modes / "freebsd.out"
    real = subprocess.run([path], capture_output=True, check=False)

    verdict = judge(analyze(path), Start(), h.snapshot()).verdict

    assert real.returncode
    assert verdict.outcome == "blocked"
    assert "system-mismatch" in [finding.code for finding in verdict.findings]


class Counted(BytesSource):
    """A file that counts what is read of it."""

    read_bytes = 0

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes at *offset*."""
        data = super().read(offset, size)
        self.read_bytes += len(data)
        return data


def test_marks_without_end_are_not_all_followed(modes):
    """Of the marks that a hostile file repeats, each with a long string, a few are looked at."""
    program = (modes / "windows.out").read_bytes()
    data = part_of(program, program.index(MARK))
    string = struct.pack("<QQ", data.address, 16 << 20)  # longer than what there is
    pattern = MARK + b"\x08\0" + struct.pack("<QQ", data.address, 0)
    filled = string + pattern * 20_000
    sizes = [struct.pack("<II", n, data.offset) for n in (data.size_bytes, len(filled))]
    source = Counted(program[: data.offset].replace(*sizes, 1) + filled)

    assert go_build(source, read_bytes(b"MZ")) is None
    assert 2 * len(filled) < source.read_bytes < 20 * len(filled)


def test_debians_programs_are_told_as_go_tells_them():
    """Every Go program of the packages is read as `go version -m` reads it."""
    if reason := missing():
        skip_or_fail(reason)
    directory = roots.made_by(GO_PROGRAMS) / "usr/bin"
    checked = []
    for path in sorted(directory.iterdir()):
        if (build := analyze(path).go) is not None:
            assert as_told(build) == [line.rstrip("\t") for line in told(path)], path
            checked.append(path.name)
    assert {"age", "fzf", "gh", "rclone", "restic"} <= set(checked)


OLD = ("pure", "arm", "mips", "s390x", "windows", "windows-386", "darwin")


@pytest.mark.parametrize("name", OLD)
def test_build_information_of_old_programs_is_read_through_its_pointers(name, modes, tmp_path):
    """Before Go 1.18 the header holds addresses of strings, in the machine's own order."""
    path = tmp_path / name
    path.write_bytes(in_old_format((modes / f"{name}.out").read_bytes()))

    build = analyze(path).go

    assert as_told(build) == [line.rstrip("\t") for line in told(path)]
    assert as_told(build) == as_told(analyze(modes / f"{name}.out").go)


def test_each_part_of_a_universal_file_is_read_at_its_own_addresses(modes):
    """Go's tool of Debian 12 does not read such files: what is said of the one is said of all."""
    thin = in_old_format((modes / "darwin.out").read_bytes())
    entry = struct.pack(">5I", 0x0100000C, 0, 0x8000, len(thin), 15)
    header = b"\xca\xfe\xba\xbe" + struct.pack(">I", 1) + entry

    build = go_build(BytesSource(header.ljust(0x8000, b"\0") + thin), read_bytes(header))

    assert build is not None
    assert build == go_build(BytesSource(thin), read_bytes(thin))


@pytest.mark.parametrize("name", ["pure", "windows", "windows-386", "darwin"])
def test_pointers_to_nowhere_are_no_error(name, modes):
    """Such a program tells nothing, as it tells Go nothing; nor do tables that are cut off."""
    program = in_old_format((modes / f"{name}.out").read_bytes())
    at = program.index(MARK)
    word = program[at + 14]
    outside = b"\xff" * word
    hostile = [
        program[: at + field] + outside + program[at + field + word :]
        for field in (16, 32, 32 + word)  # the pointer to the release, its address, its length
    ]
    hostile += [program[:size] for size in range(0, 4096, 61)]

    assert {None} == {go_build(BytesSource(data), read_bytes(data)) for data in hostile}


def in_old_format(program: bytes) -> bytes:
    """Return a Go program with its build information as Go 1.17 wrote it."""
    at = program.index(MARK)
    word, endian = program[at + 14], "big" if program[at + 15] & 1 else "little"
    release = program[at + 33 :][: program[at + 32]]
    lines = program[program.index(LINES[0], at) : program.index(LINES[1], at) + len(LINES[1])]
    part = part_of(program, at)
    strings = at - part.offset + part.address + 32
    text = strings + 4 * word
    pointers, headers = (
        b"".join(number.to_bytes(word, endian) for number in numbers)
        for numbers in (
            (strings, strings + 2 * word),
            (text, len(release), text + len(release), len(lines)),
        )
    )
    old = MARK + bytes([word, endian == "big"]) + pointers.ljust(16, b"\0") + headers
    old += release + lines
    return program[:at] + old + program[at + len(old) :]


def part_of(program: bytes, at: int) -> Part:
    """Return the stretch of the file with the byte at this offset."""
    image = next(_images(BytesSource(program), read_bytes(program)))
    return next(p for p in image.parts if 0 <= at - p.offset < p.size_bytes)


def test_cut_off_build_information_is_no_error(modes):
    """A program whose data end early tells less, or nothing."""
    data = (modes / "pure.out").read_bytes()
    at = data.index(MARK)

    for size in range(at, at + 200, 7):
        build = go_build(BytesSource(data[:size]), read_bytes(data))
        assert build is None or build.release in "go1.19.8"
