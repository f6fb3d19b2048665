"""Asks for every library that the loaders of a host could find: facts for any program later."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from preflight.loader.glibc.cache import parse_cache
from preflight.loader.musl.search import path_file_of
from preflight.model.elf import LoaderIdentity
from preflight.model.inquiry import Inquiry
from preflight.model.question import BytesContent, ElfContent, Listing

_MUSL_DIRS = ("/lib/", "/usr/local/lib/", "/usr/lib/")
# What programs name as their interpreter: that a host has none of them is a fact too.
# Source: glibc sysdeps/*/shlib-versions, musl configure and ldso/dynlink.c.
_INTERPRETERS = (
    "/lib/ld-linux.so.2",
    "/lib64/ld-linux-x86-64.so.2",
    "/libx32/ld-linux-x32.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux-armhf.so.3",
    "/lib/ld-linux.so.3",
    "/lib64/ld64.so.2",
    "/lib/ld64.so.1",
    "/lib/ld.so.1",
    "/lib/ld-linux-riscv64-lp64d.so.1",
    "/lib64/ld-linux-loongarch-lp64d.so.1",
    *(
        f"/lib/ld-musl-{machine}.so.1"
        for machine in (
            *("x86_64", "i386", "aarch64", "arm", "armhf", "powerpc64le", "s390x"),
            *("riscv64", "loongarch64", "mips", "mipsel"),
        )
    ),
)


def survey(loaders: Iterable[str], inquiry: Inquiry) -> None:
    """Ask *inquiry* for the loaders, their caches, and every library in cache or directories."""
    for path in dict.fromkeys((*loaders, *_INTERPRETERS)):
        answer = inquiry.elf(path)
        if isinstance(answer, ElfContent) and answer.elf.identity is not None:
            _ask_of(answer.elf.identity, path_file_of(path, answer.elf.machine), inquiry)


def _ask_of(identity: LoaderIdentity, path_file: str, inquiry: Inquiry) -> None:
    if identity.preload_path:
        inquiry.data(identity.preload_path)
    if identity.cache_path:
        cache = inquiry.data(identity.cache_path)
        if isinstance(cache, BytesContent):
            for path in _cached(cache.data):
                inquiry.elf(path)
    is_musl = identity.family == "musl"
    for directory in _of_musl(path_file, inquiry) if is_musl else identity.system_dirs:
        listing = inquiry.names(directory)
        if isinstance(listing, Listing):
            for name in sorted(listing.names):
                if ".so" in name:
                    inquiry.elf(directory + name)


def _of_musl(path_file: str, inquiry: Inquiry) -> Iterator[str]:
    """Yield the directories that musl's path file names, and those that it searches without one."""
    answer = inquiry.data(path_file)
    written = answer.data if isinstance(answer, BytesContent) else b""
    named = re.split(r"[:\n]", written.decode("utf-8", "surrogateescape"))
    absolute = (f"{one.rstrip('/')}/" for one in named if one.startswith("/"))
    yield from dict.fromkeys((*absolute, *_MUSL_DIRS))


def _cached(data: bytes) -> Iterator[str]:
    cache = parse_cache(data)
    if cache is not None:
        yield from dict.fromkeys(entry.path for entry in cache.entries)
