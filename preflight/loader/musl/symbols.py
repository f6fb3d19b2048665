"""
Which references musl cannot bind; all are bound at start.

Source: musl ldso/dynlink.c, do_relocs(), find_sym2(), gnu_lookup().
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from preflight.loader.glibc.symbols import SymbolProblem
from preflight.loader.musl.load import release_of
from preflight.loader.setting import Object, Resolution, Setting
from preflight.loader.symbols import STT_TLS, Symbol, symbols_of
from preflight.model.elf import (
    EM_386,
    EM_AARCH64,
    EM_ARM,
    EM_X86_64,
    USE_COPY,
    USE_EAGER_SLOT,
    USE_SLOT,
)
from preflight.model.text import decode

# STT_NOTYPE, OBJECT, FUNC, COMMON, TLS: an IFUNC is invisible.
_OK_TYPES = frozenset({0, 1, 2, 5, 6})
_IRELATIVE = {EM_386: 42, EM_X86_64: 37, EM_ARM: 160, EM_AARCH64: 1032}
_OK_BINDINGS = frozenset({1, 2, 10})  # GLOBAL, WEAK, GNU_UNIQUE


# From 1.2.4 on these with "64" at their end are not symbols but aliases (get_lfs64).
_LFS64 = frozenset(
    b"""
    aio_cancel aio_error aio_fsync aio_read aio_return aio_suspend aio_write alphasort creat
    fallocate fgetpos fopen freopen fseeko fsetpos fstat fstatat fstatfs fstatvfs ftello ftruncate
    ftw getdents getrlimit glob globfree lio_listio lockf lseek lstat mkostemp mkostemps mkstemp
    mkstemps mmap nftw open openat posix_fadvise posix_fallocate pread preadv prlimit pwrite
    pwritev readdir scandir sendfile setrlimit stat statfs statvfs tmpfile truncate versionsort
    __fxstat __fxstatat __lxstat __xstat
    """.split()
)
_LFS64_BYTES = 16  # a longer name was not found before 1.2.6


def check_symbols(setting: Setting, resolution: Resolution) -> Iterator[SymbolProblem]:
    """Yield what cannot be bound: the libraries in load order, then the program."""
    objects = resolution.objects
    release = release_of(setting)
    for entry in (*objects[1:], *objects[:1]):
        if entry.path != setting.interpreter:
            yield from _odd_relocations(entry)
            yield from _check_object(entry, objects, release)


def _check_object(
    entry: Object, objects: Sequence[Object], release: tuple[int, ...]
) -> Iterator[SymbolProblem]:
    for symbol in symbols_of(entry.elf).used:
        if symbol.info >> 4 == 0 or (symbol.undefined and symbol.weak):
            continue
        scope = objects[1:] if symbol.uses & USE_COPY else objects
        if any(_answers(party, symbol) for party in scope) or _is_alias(symbol.name, release):
            continue
        name = decode(symbol.name)
        line = f"Error relocating {entry.path}: {name}: symbol not found"
        yield SymbolProblem("start", name, None, None, entry.path, line)


def _is_alias(name: bytes, release: tuple[int, ...]) -> bool:
    """Whether musl itself takes the name for one without "64"."""
    if release < (1, 2, 4) or (release < (1, 2, 6) and len(name) > _LFS64_BYTES):
        return False
    return name == b"readdir64_r" or (name.endswith(b"64") and name[:-2] in _LFS64)


def _answers(party: Object, wanting: Symbol) -> bool:
    """Whether the first visible definition of the name counts (the lookup stops at it)."""
    for symbol in symbols_of(party.elf).definitions.get(wanting.name, ()):
        if symbol.hidden_version:
            continue
        if symbol.undefined and (
            wanting.uses & (USE_SLOT | USE_EAGER_SLOT) or symbol.type == STT_TLS
        ):
            return False
        if symbol.zero and symbol.type != STT_TLS:
            return False
        return symbol.type in _OK_TYPES and symbol.info >> 4 in _OK_BINDINGS
    return False


def _odd_relocations(entry: Object) -> Iterator[SymbolProblem]:
    """Yield what do_relocs() refuses: IRELATIVE, and what no loader knows."""
    known = _IRELATIVE.get(entry.elf.machine) if entry.elf.irelative else None
    for kind in (*entry.elf.odd_relocations, *(() if known is None else (known,))):
        line = f"Error relocating {entry.path}: unsupported relocation type {kind}"
        yield SymbolProblem("relocation", str(kind), None, None, entry.path, line)
