"""Go programs are told as Go's own tool tells them.  Source: Go src/debug/buildinfo."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

import pytest

from preflight.analyze import analyze
from preflight.analyze.buildinfo import go_build
from preflight.analyze.golinkage import go_linkage
from preflight.elf import BytesSource, read_bytes
from preflight.judge import judge
from preflight.model.go import GoBuild, GoModule
from preflight.model.start import Start
from tests.builders import host as h
from tests.builders.elf import build_elf
from tests.builders.go import go_program
from tests.conftest import skip_or_fail
from tests.hosts import roots
from tests.hosts.needs import missing
from tests.hosts.recipes import GO_PROGRAMS

pytestmark = pytest.mark.hosts

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


def test_marks_without_end_are_not_all_followed():
    """Of the marks that a hostile file repeats, each with a long string, a few are looked at."""
    pattern = b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\0\xff\xff\xff\x7f"
    source = Counted(b"MZ".ljust(48, b"\0") + pattern.ljust(48, b"\0") * 20_000)

    assert go_build(source, read_bytes(b"MZ")) is None
    assert source.read_bytes < 3 * source.size_bytes


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


def test_build_information_of_old_programs_is_read_through_its_pointers():
    """Before Go 1.18 the header holds addresses of strings, in the machine's own order."""
    for endian, bits in (("little", 64), ("big", 64), ("little", 32), ("big", 32)):
        elf_bytes = old_program(endian, bits)

        build = go_build(BytesSource(elf_bytes), read_bytes(elf_bytes))

        assert build == GoBuild("go1.13", "example.org/old")


def old_program(endian: Literal["little", "big"], bits: int) -> bytes:
    """Return a program with the build information of Go 1.13 in its data."""
    word = bits // 8
    machine = {("little", 64): 62, ("big", 64): 22, ("little", 32): 3, ("big", 32): 8}[endian, bits]
    base = bytearray(build_elf(machine=machine, bits=bits, endian=endian, type=2, dynamic=False))
    segment = next(s for s in read_bytes(bytes(base)).segments if s.type == 1)
    start = segment.vaddr
    base += b"\0" * (-len(base) % 16)
    lines = b"0" * 16 + b"path\texample.org/old\n" + b"1" * 16
    at = len(base)

    def words(*values: int) -> bytes:
        return b"".join(value.to_bytes(word, endian) for value in values)

    address = start + at - segment.offset
    strings = address + 32 + 4 * word
    header = b"\xff Go buildinf:" + bytes([word, endian == "big"])
    header += words(address + 32, address + 32 + 2 * word).ljust(16, b"\0")
    base += header + words(strings, 6, strings + 6, len(lines)) + b"go1.13" + lines
    return made_writable(bytes(base), endian, bits)


def made_writable(data: bytes, endian: Literal["little", "big"], bits: int) -> bytes:
    """Return the file with its one PT_LOAD writable, no code, and as long as the file."""
    wide = bits == 64
    table = int.from_bytes(data[32:40] if wide else data[28:32], endian)
    patched, elf = bytearray(data), read_bytes(data)
    table += elf.phentsize * next(n for n, s in enumerate(elf.segments) if s.type == 1)
    flags, filesz, memsz, size = (4, 32, 40, 8) if wide else (24, 16, 20, 4)
    patched[table + flags : table + flags + 4] = (6).to_bytes(4, endian)
    for field in (filesz, memsz):
        patched[table + field : table + field + size] = len(data).to_bytes(size, endian)
    return bytes(patched)


def test_cut_off_build_information_is_no_error(modes):
    """A program whose data end early tells less, or nothing."""
    data = (modes / "pure.out").read_bytes()
    at = data.find(b"\xff Go buildinf:", 4096)

    for size in range(at, at + 200, 7):
        build = go_build(BytesSource(data[:size]), read_bytes(data))
        assert build is None or build.release in "go1.19.8"
