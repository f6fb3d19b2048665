"""
Which of the ways to link a Go program was taken, and what made it so.

Source: Go cmd/link (when it links internally; the symbols of -buildmode=plugin
and shared, by which its run time compares packages), net/cgo_unix.go,
os/user/cgo_lookup_cgo.go (the C functions that packages call).
Limit: in a static program a C library is told by strings of its own, as
symbols may be stripped.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Iterator
from typing import cast, get_args

from preflight.analyze.gofunctions import callers_of_c
from preflight.analyze.runtime import GLIBC, MUSL
from preflight.model import text
from preflight.model.elf import ET_DYN, Elf
from preflight.model.go import BuildMode, GoBuild, GoLinkage

# The C functions by which a package of the standard library is recognised.
_CALLS = {
    "net": (b"getaddrinfo", b"getnameinfo", b"res_search", b"__res_search", b"res_nsearch"),
    "os/user": (b"getpwnam_r", b"getpwuid_r", b"getgrnam_r", b"getgrgid_r", b"getgrouplist"),
    "plugin": (b"dlopen",),
}
# What every program with cgo needs of the C library, in one release or another.
_OWN_LIBRARIES = ("libc.", "libpthread.", "libdl.", "librt.", "libresolv.", "libm.", "ld-linux")
_NOBODY = "a package that no symbol names"
_MOST = 20  # packages that are named
_LIBRARIES = {GLIBC: "glibc", MUSL: "musl"}


def go_linkage(elf: Elf, build: GoBuild, functions: bytes, texts: Container[bytes]) -> GoLinkage:
    """
    Return how the Go program *elf* was linked.

    *functions* are its functions' names, *texts* those among its constants.
    """
    mode = _mode(elf, build)
    if elf.interpreter is None and not elf.needed:
        cgo = build.setting("CGO_ENABLED") != "0"
        inside = next((n for mark, n in _LIBRARIES.items() if cgo and mark in texts), None)
        if inside is None:
            return GoLinkage("static", mode=mode)
        return GoLinkage("static-cgo", (inside, *_packages(elf, functions)), mode)
    if elf.needed:
        others = [name for name in elf.needed if not name.startswith(_OWN_LIBRARIES)]
        reasons = (*_packages(elf, functions), *others)
        return GoLinkage("dynamic-cgo", reasons or (_NOBODY,), mode)
    # Older releases do not tell the mode; the file itself is position-independent.
    return GoLinkage("dynamic", ("-buildmode=pie",) if elf.type == ET_DYN else (), mode)


def _mode(elf: Elf, build: GoBuild) -> BuildMode:
    """Return the mode that the program tells, or else the one that the file is of."""
    told = build.setting("-buildmode")
    if told in get_args(BuildMode):
        return cast("BuildMode", told)
    if elf.kind != "shared-object":
        return "pie" if elf.type == ET_DYN else "exe"
    names = elf.symbols.names if elf.symbols else b""
    if re.search(rb"\0go[.:]link\.abihashbytes\b", names):
        return "shared"
    return "plugin" if re.search(rb"\0go[.:]link\.pkghash", names) else "c-shared"


def _packages(elf: Elf, functions: bytes) -> Iterator[str]:
    """
    Yield the packages that call C, each with a C function that it calls.

    Where the names of functions are not to be had, the imports tell those of
    the standard library.
    """
    imported = set(elf.symbols.names.split(b"\0")) if elf.symbols else set()
    standard = {
        package: next((text.decode(call) for call in calls if call in imported), "")
        for package, calls in _CALLS.items()
    }
    callers = callers_of_c(functions)
    if not functions:
        callers = {package: [] for package, call in standard.items() if call}
    for package, called in itertools.islice(callers.items(), _MOST):
        name = standard.get(package) or next(iter(called), "")
        yield f"{package} ({name})" if name else package
    if len(callers) > _MOST:
        yield f"and {len(callers) - _MOST} more packages"
