"""
Which of the ways to link a Go program was taken, and what made it so.

Source: Go cmd/link (when it links internally), net/cgo_unix.go,
os/user/cgo_lookup_cgo.go (the C functions that packages call).
Limit: in a static program a C library is told by strings of its own, as
symbols may be stripped.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from preflight.analyze.runtime import GLIBC, MUSL
from preflight.model.elf import ET_DYN, Elf
from preflight.model.go import GoBuild, GoLinkage

# The C functions by which a package of the standard library is recognised.
_CALLS = {
    "net": (b"getaddrinfo", b"getnameinfo", b"res_search", b"__res_search", b"res_nsearch"),
    "os/user": (b"getpwnam_r", b"getpwuid_r", b"getgrnam_r", b"getgrgid_r", b"getgrouplist"),
    "plugin": (b"dlopen",),
}
# What every program with cgo needs of the C library, in one release or another.
_OWN_LIBRARIES = ("libc.", "libpthread.", "libdl.", "librt.", "libresolv.", "libm.", "ld-linux")
_LIBRARIES = {GLIBC: "glibc", MUSL: "musl"}


def go_linkage(elf: Elf, build: GoBuild, texts: Container[bytes]) -> GoLinkage:
    """Return how the Go program *elf* was linked; *texts* are those among its constants."""
    if elf.interpreter is None and not elf.needed:
        cgo = build.setting("CGO_ENABLED") != "0"
        inside = next((n for mark, n in _LIBRARIES.items() if cgo and mark in texts), None)
        return GoLinkage("static-cgo", (inside,)) if inside else GoLinkage("static")
    if elf.needed:
        return GoLinkage("dynamic-cgo", tuple(_reasons(elf)))
    # Older releases do not tell the mode; the file itself is position-independent.
    return GoLinkage("dynamic", ("-buildmode=pie",) if elf.type == ET_DYN else ())


def _reasons(elf: Elf) -> Iterator[str]:
    names = set(elf.symbols.names.split(b"\0")) if elf.symbols else set()
    for package, calls in _CALLS.items():
        if called := next((call for call in calls if call in names), None):
            yield f"{package} ({called.decode()})"
    yield from (name for name in elf.needed if not name.startswith(_OWN_LIBRARIES))
