"""
Which of the ways to link a Go program was taken, and what made it so.

Source: Go cmd/link (when it links internally), net/cgo_unix.go,
os/user/cgo_lookup_cgo.go (the C functions that packages call).
Limit: in a static program a C library is told by strings of its own, as
symbols may be stripped.
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.elf.source import Source
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
_MARKS = {"glibc": b"GCONV_PATH", "musl": b"MUSL_LOCPATH"}
_CHUNK_BYTES = 4 << 20


def go_linkage(source: Source, elf: Elf, build: GoBuild) -> GoLinkage:
    """Return how the Go program *elf* was linked."""
    if elf.interpreter is None and not elf.needed:
        inside = _c_library(source) if build.setting("CGO_ENABLED") != "0" else None
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


def _c_library(source: Source) -> str | None:
    """Return which C library a static program holds; None: none that is known."""
    longest = max(map(len, _MARKS.values()))
    for offset in range(0, source.size_bytes, _CHUNK_BYTES):
        data = source.read(offset, _CHUNK_BYTES + longest)
        for name, mark in _MARKS.items():
            if mark in data:
                return name
    return None
