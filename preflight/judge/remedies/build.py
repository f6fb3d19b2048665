"""
In the build: what to change for the program's toolchain.

Source: the manuals of gcc, GNU ld, go build and zig cc.  What another file
than the program needs cannot be mended in the program's build.
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.remedies.toolchain import Toolchain, toolchain_of
from preflight.model.verdict import Finding, Remedy

_PURE_GO = ("Go without cgo needs no library", "CGO_ENABLED=0 go build -tags netgo,osusergo")
_STATIC = ("link everything statically, against musl", "musl-gcc -static")
_STATIC_CXX = ("link the C++ run-time statically", "g++ -static-libstdc++ -static-libgcc")
_CXX_LIBRARIES = ("libstdc++.so.6", "libgcc_s.so.1")
_RUST = ("Rust: build for musl", "cargo build --target x86_64-unknown-linux-musl")
_GOARCH = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "riscv64": "riscv64"}

_Change = tuple[str, str | None]


def remedies(finding: Finding, case: Case) -> Iterator[Remedy]:
    """Yield the changes that the program's build may make so that *finding* is gone."""
    names = {None, case.program_name, case.argv0, case.requirements.path}
    if case.elf is None or finding.severity != "error" or finding.needed_by not in names:
        return
    toolchain = toolchain_of(case.requirements)
    for text, command in _changes(finding, toolchain, case):
        yield Remedy(where="build", text=text, command=command, certainty="stated")


def _changes(finding: Finding, toolchain: Toolchain, case: Case) -> Iterator[_Change]:
    if finding.code in ("library-missing", "version-missing", "interpreter-missing"):
        yield from _less_needs(finding, toolchain, case)
    elif finding.code == "cpu-level-too-low":
        level = ("build for every x86-64 CPU", "GOAMD64=v1 go build")
        yield level if toolchain == "go" else (level[0], "gcc -march=x86-64")
    elif finding.code == "machine-mismatch" and (arch := _GOARCH.get(case.facts.machine or "")):
        machine = case.facts.machine
        go = (f"build for {machine}", f"GOOS=linux GOARCH={arch} go build")
        yield go if toolchain == "go" else (go[0], f"{machine}-linux-gnu-gcc")
    elif finding.code == "version-inconsistent":
        yield "link without packed relocations", "gcc -Wl,-z,nopack-relative-relocs"


def _less_needs(finding: Finding, toolchain: Toolchain, case: Case) -> Iterator[_Change]:
    library = finding.subject.partition(":")[0]
    if toolchain == "go":
        yield _PURE_GO
        return
    if library in _CXX_LIBRARIES:
        yield _STATIC_CXX
        return
    if library == "libc.so.6" and finding.code == "version-missing":
        yield from _older_glibc(case)
    elif finding.code == "library-missing":
        yield "ship the library in lib/ beside the program", "gcc -Wl,-rpath,'$ORIGIN/lib'"
    yield _STATIC
    if toolchain == "unknown":
        yield f"Go: {_PURE_GO[0]}", _PURE_GO[1]
        yield _RUST


def _older_glibc(case: Case) -> Iterator[_Change]:
    """Yield how to build against the glibc that the host has."""
    release = case.facts.ldd_version if case.facts.ldd_family == "glibc" else None
    if release and case.facts.machine:
        target = f"{case.facts.machine}-linux-gnu.{release}"
        yield f"build against the host's glibc {release}", f"zig cc -target {target}"
    system = f"{case.facts.os_id} {case.facts.os_version or ''}".strip()
    yield f"build on {system if case.facts.os_id else 'the oldest system that you ship to'}", None
