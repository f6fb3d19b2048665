"""
In the build: what to change for the program's toolchain, the best first.

`CHANGES` has a function for each finding that a build can mend; `docs/remedies.md`
lists what they say, and the tests build each of it.  What another file than the
program needs cannot be mended in the program's build.
Source: the manuals of gcc, GNU ld, go build, rustc, cargo-zigbuild and zig cc.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from preflight.judge.case import Case
from preflight.judge.remedies import floor
from preflight.judge.remedies.target import TARGETS
from preflight.judge.remedies.toolchain import Build, build_of
from preflight.judge.support import uname_machine
from preflight.model.elf import EM_386, EM_X86_64, X86_LEVELS, Elf
from preflight.model.verdict import Finding, Remedy

_MOST = 3  # of one finding
_LOADER = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}
# What asks for least.  Source: Go src/internal/buildcfg.
_GO_LEAST = {
    name: f"{name}={value}"
    for name, value in {
        "GO386": "softfloat",
        "GOARM": "5",
        "GOARM64": "v8.0",
        "GOPPC64": "power8",
        "GORISCV64": "rva20u64",
    }.items()
}
_GOAMD64 = dict(zip(X86_LEVELS, ("v1", "v2", "v3", "v4"), strict=True))
_BESIDE = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})((?:/[^$]*)?)")
_CXX_LIBRARIES = ("libstdc++.so.6", "libgcc_s.so.1")

Change = floor.Change


def remedies(finding: Finding, case: Case) -> Iterator[Remedy]:
    """Yield the changes that the program's build may make so that *finding* is gone."""
    names = {None, case.program_name, case.argv0, case.requirements.path}
    if finding.severity in ("info", "unknown") or finding.needed_by not in names:
        return
    changes = CHANGES.get(finding.code)
    if changes is not None:
        found = changes(finding, build_of(case.requirements), case)
        for text, command in islice(found, _MOST):
            yield Remedy(where="build", text=text, command=command, certainty="stated")


def _version(finding: Finding, build: Build, case: Case) -> Iterator[Change]:
    library, _, version = finding.subject.partition(":")
    if version == "GLIBC_ABI_DT_RELR":
        yield from _unpacked(finding, build, case)
    elif library in _CXX_LIBRARIES:
        yield from _own_runtime(library, build, case)
    elif version.startswith("GLIBC_"):
        yield from floor.older(build, case, library, version)


def _library(finding: Finding, build: Build, case: Case) -> Iterator[Change]:
    if finding.subject in _CXX_LIBRARIES:
        yield from _own_runtime(finding.subject, build, case)
        return
    if place := _own_place(case):
        if build.language == "go":
            yield from floor.pure_go(case)
        yield f"put {finding.subject} into {place}", None
        return
    beside = "$ORIGIN/../lib" if "/bin/" in (case.start.install_path or "") else "$ORIGIN/lib"
    place = beside.removeprefix("$ORIGIN/") + "/"
    text = f"ship the library in {place} beside the program"
    if build.language == "go":
        yield from floor.pure_go(case)
    yield text, _linked(build, f"-Wl,-rpath,{beside}")
    name = shlex.quote(case.requirements.name)
    yield f"{text}, without a new build", f"patchelf --set-rpath '{beside}' {name}"


def _own_place(case: Case) -> str | None:
    """Return the directory beside the program where it has the loader look already, if any."""
    elf = case.elf
    path = (elf.rpath if elf.runpath is None else elf.runpath) if elf else None
    found = next(filter(None, map(_BESIDE.fullmatch, (path or "").split(":"))), None)
    if found is None or case.real_path is None:
        return None
    return posixpath.normpath(posixpath.dirname(case.real_path) + found[1]).rstrip("/") + "/"


def _own_runtime(library: str, build: Build, case: Case) -> Iterator[Change]:
    """Yield how to have the compiler's own libraries within the program."""
    if build.language == "rust":
        target = TARGETS.get(case.facts.machine or "", TARGETS["x86_64"])
        yield "link the unwinder statically", f"cargo zigbuild --target {target.rust}"
    elif build.language == "go":
        yield "link gcc's run-time statically", "CGO_LDFLAGS=-static-libgcc go build"
    elif library == "libgcc_s.so.1" and build.language == "c":
        yield "link gcc's run-time statically", f"{build.compiler} -static-libgcc"
    else:
        compiler = "clang++" if "clang" in build.compiler else "g++"
        yield (
            "link the C++ run-time statically",
            f"{compiler} -static-libstdc++ -static-libgcc",
        )


def _interpreter(finding: Finding, build: Build, case: Case) -> Iterator[Change]:
    if case.elf is None:
        return
    usual = _LOADER.get(case.facts.machine or "")
    if finding.subject.startswith("/nix/") and usual:
        name = shlex.quote(case.requirements.name)
        yield "name the usual loader", f"patchelf --set-interpreter {usual} {name}"
    if _is_foreign(case.elf, case):
        yield from _machine(finding, build, case)
    else:
        yield from floor.static(build, case)


def _is_foreign(elf: Elf, case: Case) -> bool:
    """Whether the program is for another machine than the host's: linked statically it still is."""
    native = uname_machine(case.facts.machine)
    if native is None or elf.machine == native[0]:
        return False
    return (native[0], elf.machine) != (EM_X86_64, EM_386)  # one kernel runs both


def _level(finding: Finding, build: Build, case: Case) -> Iterator[Change]:
    """Yield the level that the host has, then the one that every CPU has."""
    if finding.subject.startswith("GO"):  # of another machine than x86-64
        least = _GO_LEAST.get(finding.subject.partition("=")[0])
        too_old = least == _GO_LEAST["GO386"] and "mmx" not in (case.facts.cpu_flags or ())
        if least and least != finding.subject and not too_old:
            yield "build for every such CPU", f"{least} go build"
        return
    has = case.facts.cpu_level
    for level in dict.fromkeys((has if has in X86_LEVELS else X86_LEVELS[0], X86_LEVELS[0])):
        text = "build for every x86-64 CPU"
        if level != X86_LEVELS[0]:
            text = f"build for the host's CPU, {level}"
        if build.language == "go":
            yield text, f"GOAMD64={_GOAMD64[level]} go build"
        elif build.language == "rust":
            yield text, f"RUSTFLAGS='-C target-cpu={level}' cargo build"
        else:
            yield text, f"{build.compiler} -march={level}"


def _machine(_: Finding, build: Build, case: Case) -> Iterator[Change]:
    target = TARGETS.get(case.facts.machine or "")
    if target is None:
        return
    text = f"build for {case.facts.machine}"
    if build.language == "go":
        yield text, f"GOOS=linux GOARCH={target.goarch} go build"
    elif build.language == "rust":
        yield text, f"cargo zigbuild --target {target.rust}"
    else:
        if target.goarch == "386" and case.elf is not None and case.elf.machine == EM_X86_64:
            yield text, f"{build.compiler} -m32"
        elif build.compiler.startswith("clang"):
            yield text, f"{build.compiler} --target={target.gnu}"
        else:
            yield text, f"{target.gnu}-{build.compiler}"
        release = floor.glibc(case)
        suffix = f".{release}" if release else ""
        yield text, f"{floor.zig(build)} -target {target.zig}{suffix}"


def _system(_: Finding, build: Build, case: Case) -> Iterator[Change]:
    target = TARGETS.get(case.facts.machine or "")
    if build.language == "go" and target:
        yield "build for Linux", f"GOOS=linux GOARCH={target.goarch} go build"


def _unpacked(_: Finding, build: Build, __: Case) -> Iterator[Change]:
    yield "link without packed relocations", _linked(build, "-Wl,-z,nopack-relative-relocs")


def _stack(finding: Finding, build: Build, case: Case) -> Iterator[Change]:
    if case.elf is not None and case.elf.exec_stack is not False and "stack" in finding.message:
        yield "link without an executable stack", _linked(build, "-Wl,-z,noexecstack")


def _linked(build: Build, flag: str) -> str:
    """Return how to build with one more flag for the linker's driver."""
    if build.language == "go":
        return f"go build -ldflags '-linkmode external -extldflags {flag}'"
    if build.language == "rust":
        return f"RUSTFLAGS='-C link-arg={flag}' cargo build"
    return f"{build.compiler} {shlex.quote(flag)}"


def _line_ends(_: Finding, __: Build, case: Case) -> Iterator[Change]:
    name = shlex.quote(case.requirements.name)
    yield "store the script with Unix line ends", f"sed -i 's/\\r$//' {name}"


def _for_musl(_: Finding, build: Build, case: Case) -> Iterator[Change]:
    family = case.resolution.family if case.resolution else None
    if family == "musl" and case.requirements.libc != "musl":
        yield from floor.static(build, case)


def _with_glibc(finding: Finding, build: Build, case: Case) -> Iterator[Change]:
    """Yield the static links that musl has no part in: it knows no IFUNC there either."""
    changes = _for_musl(finding, build, case)
    yield from ((text, command) for text, command in changes if "musl" not in str(command))


CHANGES: Mapping[str, Callable[[Finding, Build, Case], Iterator[Change]]] = {
    "cpu-level-too-low": _level,
    "exec-policy": _stack,
    "format-not-elf": _system,
    "interpreter-missing": _interpreter,
    "library-missing": _library,
    "machine-mismatch": _machine,
    "relocation-unsupported": _with_glibc,
    "script-carriage-return": _line_ends,
    "symbol-missing": _for_musl,
    "system-mismatch": _system,
    "version-inconsistent": _unpacked,
    "version-missing": _version,
}
