"""
A lower glibc floor, or none: what to change in the build for each toolchain.

Source: zig's and cargo-zigbuild's ``-gnu.2.28`` targets; the images
buildpack-deps, golang and rust of Docker's library, by Debian's and Ubuntu's
code names; pypa/manylinux, whose images have the glibc of their name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.remedies.pin import pins
from preflight.judge.remedies.target import TARGETS, Target, musl
from preflight.judge.remedies.toolchain import Build

Change = tuple[str, str | None]

_PLAIN = re.compile(r"[A-Za-z0-9_.]+")
_IMAGES = {"go": "golang", "rust": "rust"}
_CODENAMES = {
    ("debian", "10"): "buster",
    ("debian", "11"): "bullseye",
    ("debian", "12"): "bookworm",
    ("debian", "13"): "trixie",
    ("ubuntu", "18.04"): "bionic",
    ("ubuntu", "20.04"): "focal",
    ("ubuntu", "22.04"): "jammy",
    ("ubuntu", "24.04"): "noble",
}
_MANYLINUX = ((2, 17), (2, 28), (2, 34))
_STANDARD_PACKAGES = ("net (", "os/user (")  # these do without cgo


def older(build: Build, case: Case, library: str, version: str) -> Iterator[Change]:
    """Yield how to need no newer glibc than the host's."""
    if build.language == "go":
        yield from pure_go(case)
    release = glibc(case)
    target = TARGETS.get(case.facts.machine or "")
    if build.language in ("c", "c++") and (line := pins(case, library, version)):
        yield "pin what needs it, in the source that calls it", line
    if release and target:
        text = f"build against the host's glibc {release}"
        yield text, _against(build, target, release)
    if build.language != "go" and (image := _image(build, case, release)):
        yield f"build in a container with the host's glibc {release or ''}".rstrip(), image
    yield from static(build, case)
    if not (release and target):
        yield "build on the oldest system that you ship to", None


def plain(word: str | None) -> str | None:
    """Return a host's word, None unless it can stand in a command as it is."""
    return word if word and _PLAIN.fullmatch(word) else None


def glibc(case: Case) -> str | None:
    """Return the release of the host's glibc, None where it has another or did not tell."""
    return plain(case.facts.ldd_version) if case.facts.ldd_family == "glibc" else None


def zig(build: Build) -> str:
    """Return zig's command for C or C++."""
    return f"zig {'c++' if build.language == 'c++' else 'cc'}"


def pure_go(case: Case) -> Iterator[Change]:
    """Yield how a Go program does without the C library: where it can, and where it uses cgo."""
    linkage = case.requirements.go_linkage
    reasons = linkage.reasons if linkage else ()
    if linkage and linkage.kind == "dynamic":
        yield "a program without cgo is static", "CGO_ENABLED=0 go build -buildmode=exe"
    elif all(reason.startswith(_STANDARD_PACKAGES) for reason in reasons):
        yield "Go without cgo needs no library", "CGO_ENABLED=0 go build"
        yield "net and os/user without cgo", "go build -tags netgo,osusergo"
    else:
        yield (
            "if no package needs its C code, Go without cgo needs no library",
            "CGO_ENABLED=0 go build",
        )


def static(build: Build, case: Case) -> Iterator[Change]:
    """Yield how to have the C library within the program."""
    target = TARGETS.get(case.facts.machine or "", TARGETS["x86_64"])
    if build.language == "go":
        if (linkage := case.requirements.go_linkage) and linkage.kind == "dynamic":
            yield from pure_go(case)
            return
        yield (
            "link the C library statically",
            "go build -tags netgo,osusergo -ldflags '-linkmode external -extldflags -static'",
        )
    elif build.language == "rust":
        flags = "RUSTFLAGS='-C target-feature=+crt-static'"
        yield "link glibc statically", f"{flags} cargo build --target {target.rust}"
        yield "link musl statically", f"cargo build --target {musl(target.rust)}"
    elif build.language == "c":
        yield "link everything statically, against musl", "musl-gcc -static"
        yield "link everything statically", f"{build.compiler} -static"
    else:
        yield "link everything statically", f"{build.compiler} -static"
        yield "link everything statically, against musl", f"zig c++ -target {musl(target.zig)}"


def _against(build: Build, target: Target, release: str) -> str:
    if build.language == "go":
        return f"CC='zig cc -target {target.zig}.{release}' CGO_ENABLED=1 go build"
    if build.language == "rust":
        return f"cargo zigbuild --target {target.rust}.{release}"
    return f"{zig(build)} -target {target.zig}.{release}"


def _image(build: Build, case: Case, release: str | None) -> str | None:
    """Return how to build in an image of the host's release, or of one with such a glibc."""
    name = _CODENAMES.get((case.facts.os_id or "", case.facts.os_version or ""))
    image = f"{_IMAGES.get(build.language, 'buildpack-deps')}:{name}" if name else None
    if image is None and release and case.facts.machine in ("x86_64", "aarch64"):
        numbers = tuple(int(part) for part in release.split(".") if part.isdecimal())
        major, minor = max((r for r in _MANYLINUX if r <= numbers), default=(0, 0))
        if not major:
            return None
        image = f"quay.io/pypa/manylinux_{major}_{minor}_{case.facts.machine}"
    run = 'docker run --rm -v "$PWD:/src" -w /src'
    command = {"rust": "cargo build"}.get(build.language, build.compiler)
    return f"{run} {image} {command}" if image else None
