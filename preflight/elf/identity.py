"""
What a loader or a libc is, by its own bytes: nothing is run for it.

The texts searched for are those that the programs print or compare with.  A
glibc before 2.33 has no release in its loader, only in its libc.so.6.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from preflight.elf.image import Image
from preflight.model import text
from preflight.model.elf import PF_W, PT_LOAD, Elf, LoaderIdentity, Segment

# More than this in read-only segments is no loader, in bytes; glibc's libc has 2 MB.
_MAX_BYTES = 16 << 20
_MAX_LINE = 200
# ld-linux-x86-64.so.2, ld64.so.1, ld.so.1 …
_GLIBC_LOADER = re.compile(r"ld(?:64|-linux[\w-]*)?\.so\.\d")
_GLIBC_RELEASE = re.compile(r"release version (\d+(?:\.\d+)+)")
# elf/dl-load.c: system_dirs, one NUL after each.
_SYSTEM_DIRS = re.compile(rb"\0((?:/[!-~]*lib[!-~]*/\0)+)")
# elf/dl-hwcaps_subdirs.c of x86_64, powerpc64le and s390x.
_HWCAPS = re.compile(rb"\0((?:(?:x86-64-v|power|z)\d+:)+(?:x86-64-v|power|z)\d+)\0")
_CACHE = re.compile(rb"\0(/[!-~]*/ld\.so\.cache)\0")
_PRELOAD = re.compile(rb"\0(/[!-~]*/ld[!-.0-~]*\.preload)\0")
# A longer run of digits is no number that anybody compares.
_MUSL_RELEASE = re.compile(rb"\0(\d{1,18}\.\d{1,18}\.\d{1,18}(?:-git[!-~]{0,99})?)\0")
# ldso/dynlink.c: the path without an /etc/ld-musl-ARCH.path.
_MUSL_DIRS = re.compile(rb"\0(/[!-9;-~]*lib(?::/[!-9;-~]*lib)+)\0")


def identify(image: Image, elf: Elf) -> LoaderIdentity | None:
    """Return what *elf* says it is, None for what is neither a loader nor a libc."""
    if any(d.name.startswith("GLIBC_") for d in elf.version_defs):
        soname = elf.soname or ""
        if soname.startswith("libc.so.6"):
            return _glibc_libc(_constant_bytes(image, elf.segments))
        if _GLIBC_LOADER.match(soname):
            return _glibc_loader(_constant_bytes(image, elf.segments))
    if elf.interpreter is not None or elf.dependencies:
        return None
    data = _constant_bytes(image, elf.segments)
    return _musl(data) or _stub(data)


def _constant_bytes(image: Image, segments: Sequence[Segment]) -> bytes:
    """Return the segments that are not writable, b"" where they are too large for a loader."""
    wanted = [s for s in segments if s.type == PT_LOAD and not s.flags & PF_W]
    if sum(s.filesz for s in wanted) > _MAX_BYTES:
        return b""
    return b"\0".join(image.source.read(s.offset, s.filesz) for s in wanted)


def _glibc_libc(data: bytes) -> LoaderIdentity:
    """Return the identity of a libc.so.6, which does no searching itself."""
    banner = _line_with(data, b" release version ")
    release = _GLIBC_RELEASE.search(banner or "")
    return LoaderIdentity("glibc", release[1] if release else None, banner, (), (), None, None)


def _glibc_loader(data: bytes) -> LoaderIdentity:
    libc = _glibc_libc(data)
    hwcaps = _first(_HWCAPS, data)
    return LoaderIdentity(
        "glibc",
        release=libc.release,
        banner=libc.banner,
        system_dirs=tuple((_first(_SYSTEM_DIRS, data) or "").split("\0")[:-1]),
        hwcaps=tuple(hwcaps.split(":")) if hwcaps else (),
        cache_path=_first(_CACHE, data),
        preload_path=_first(_PRELOAD, data),
    )


def _musl(data: bytes) -> LoaderIdentity | None:
    banner = _line_with(data, b"musl libc (") or _line_with(data, b"musl libc\n")
    if banner is None:
        return None
    dirs = (_first(_MUSL_DIRS, data) or "").split(":")
    return LoaderIdentity(
        "musl",
        release=_first(_MUSL_RELEASE, data),
        banner=banner,
        system_dirs=tuple(directory + "/" for directory in dirs if directory),
        hwcaps=(),
        cache_path=None,
        preload_path=None,
    )


def _stub(data: bytes) -> LoaderIdentity | None:
    """Return what only stands in a loader's place: NixOS's refusal, or gcompat's wrapper."""
    if (banner := _line_with(data, b"nix.dev/permalink/stub-ld")) is not None:
        return LoaderIdentity("nix-stub", None, banner, (), (), None, None)
    if (banner := _line_with(data, b"libgcompat.so")) is not None:
        return LoaderIdentity("gcompat", None, banner, (), (), None, None)
    return None


def _line_with(data: bytes, words: bytes) -> str | None:
    """Return the line of the C string that holds *words*."""
    at = data.find(words)
    if at < 0:
        return None
    start = 1 + max(data.rfind(b"\0", 0, at), data.rfind(b"\n", 0, at))
    return text.decode(data[start : start + _MAX_LINE].partition(b"\0")[0].partition(b"\n")[0])


def _first(pattern: re.Pattern[bytes], data: bytes) -> str | None:
    match = pattern.search(data)
    return text.decode(match[1]) if match else None
