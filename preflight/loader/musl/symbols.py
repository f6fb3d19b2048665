"""
Which references musl cannot bind: all are bound at start, nearly all by dlopen(3).

Source: musl ldso/dynlink.c, do_relocs(), find_sym2(), gnu_lookup(), get_lfs64().
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from preflight.loader.glibc.symbols import SymbolProblem
from preflight.loader.musl.load import release_of
from preflight.loader.setting import Object, Resolution, Setting
from preflight.loader.symbols import (
    STT_TLS,
    Definitions,
    Offers,
    Shelf,
    Symbol,
    symbols_of,
)
from preflight.model.elf import (
    EM_386,
    EM_AARCH64,
    EM_ARM,
    EM_X86_64,
    USE_COPY,
    USE_POINTER,
    USE_SLOT,
    USE_TLS,
    Elf,
)
from preflight.model.text import decode

# STT_NOTYPE, OBJECT, FUNC, COMMON, TLS: an IFUNC is invisible.
_OK_TYPES = frozenset({0, 1, 2, 5, 6})
_IRELATIVE = {EM_386: 42, EM_X86_64: 37, EM_ARM: 160, EM_AARCH64: 1032}
_OK_BINDINGS = frozenset({1, 2, 10})  # GLOBAL, WEAK, GNU_UNIQUE
# From 1.2.4 on these with "64" at their end are not symbols but aliases (get_lfs64).
_LFS64 = frozenset(
    name + b"64"
    for name in b"""
    aio_cancel aio_error aio_fsync aio_read aio_return aio_suspend aio_write alphasort creat
    fallocate fgetpos fopen freopen fseeko fsetpos fstat fstatat fstatfs fstatvfs ftello ftruncate
    ftw getdents getrlimit glob globfree lio_listio lockf lseek lstat mkostemp mkostemps mkstemp
    mkstemps mmap nftw open openat posix_fadvise posix_fallocate pread preadv prlimit pwrite
    pwritev readdir scandir sendfile setrlimit stat statfs statvfs tmpfile truncate versionsort
    __fxstat __fxstatat __lxstat __xstat
    """.split()
) | {b"readdir64_r"}
_LFS64_BYTES = 16  # a longer name was not found before 1.2.6


class _Interface(NamedTuple):
    """What one object wants, by name, and the names that it offers to every reference."""

    definitions: Definitions
    wants: Mapping[bytes, Symbol]
    offers: Offers
    weak_tls: tuple[Symbol, ...]


def check_symbols(setting: Setting, resolution: Resolution) -> Iterator[SymbolProblem]:
    """Yield what cannot be bound: the libraries in load order, then the program."""
    objects = resolution.objects
    faces = [_interface_of(entry.elf) for entry in objects]
    most_first = sorted(faces, key=lambda face: len(face.definitions), reverse=True)
    offers = [face.offers for face in most_first]
    known = _aliases(release_of(setting))
    for entry, face in zip((*objects[1:], *objects[:1]), (*faces[1:], *faces[:1]), strict=True):
        if entry.path != setting.interpreter and entry.opened == (setting.plugin is not None):
            yield from _odd_relocations(entry)
            for symbol in _unmet(face, faces, [known, *offers]):
                yield _problem(setting, entry, face, symbol)


def _aliases(release: tuple[int, ...]) -> frozenset[bytes]:
    """Return the names that musl itself takes for those without "64"."""
    if release < (1, 2, 4):
        return frozenset()
    short = (name for name in _LFS64 if len(name) <= _LFS64_BYTES)
    return _LFS64 if release >= (1, 2, 6) else frozenset(short)


def _unmet(
    face: _Interface, faces: Sequence[_Interface], offers: Sequence[Offers | frozenset[bytes]]
) -> list[Symbol]:
    left: Collection[bytes] = face.wants.keys()
    for offered in offers:
        left = [name for name in left if name not in offered]
        if not left:
            break
    missing = [face.wants[name] for name in left if not _met(face.wants[name], faces)]
    # What a copy relocation wants may stand in the program alone, which does not count then.
    copies = [s for s in face.wants.values() if s.uses & USE_COPY and s.name not in left]
    missing += [s for s in copies if not _met(s, faces[1:])]
    missing += [s for s in face.weak_tls if s.name not in offers[0] and not _met(s, faces)]
    return sorted(missing, key=_rank)


def _problem(setting: Setting, entry: Object, face: _Interface, symbol: Symbol) -> SymbolProblem:
    name = decode(symbol.name)
    if symbol in face.weak_tls:
        # do_relocs() reads the module's number out of an object that is none.
        return SymbolProblem("crash", name, None, None, entry.path, None)
    line = f"Error relocating {entry.path}: {name}: symbol not found"
    kind: Literal["start", "call"] = "call" if _is_deferred(setting, entry, symbol) else "start"
    return SymbolProblem(kind, name, None, None, entry.path, line)


def _is_deferred(setting: Setting, entry: Object, symbol: Symbol) -> bool:
    """Whether dlopen(3) leaves a PLT or GOT entry for later (prepare_lazy, do_relocs)."""
    if setting.plugin is None or setting.plugin.now or entry.elf.bind_now:
        return False
    return not symbol.uses & (USE_POINTER | USE_TLS | USE_COPY)


def _rank(symbol: Symbol) -> tuple[bool, int]:
    """DT_JMPREL comes before DT_REL and DT_RELA (reloc_all)."""
    return not symbol.slot_rank, symbol.slot_rank or symbol.data_rank


def _met(wanting: Symbol, faces: Sequence[_Interface]) -> bool:
    return any(_answers(face.definitions.of(wanting.name), wanting.uses) for face in faces)


def _answers(found: Sequence[Symbol], uses: int) -> bool:
    """Whether the first visible definition of a name counts (the lookup stops at it)."""
    symbol = next((symbol for symbol in found if not symbol.hidden_version), None)
    if symbol is None:
        return False
    if symbol.undefined and (uses & USE_SLOT or symbol.type == STT_TLS):
        return False
    if symbol.zero and symbol.type != STT_TLS:
        return False
    return symbol.type in _OK_TYPES and symbol.binding in _OK_BINDINGS


def _interface(elf: Elf) -> _Interface:
    symbols = symbols_of(elf)
    definitions, used = symbols.definitions, symbols.used
    wanted = (s for s in used if not s.local and not (s.undefined and s.weak))
    offers = Offers(lambda name: _answers(definitions.of(name), USE_SLOT))
    weak_tls = (s for s in used if s.undefined and s.weak and s.uses & USE_TLS)
    wants = {s.name: s for s in wanted}
    return _Interface(definitions, wants, offers, tuple(weak_tls))


_interface_of = Shelf(_interface)


def _odd_relocations(entry: Object) -> Iterator[SymbolProblem]:
    """Yield what do_relocs() refuses: IRELATIVE, and what no loader knows."""
    known = _IRELATIVE.get(entry.elf.machine) if entry.elf.irelative else None
    for kind in (*entry.elf.odd_relocations, *(() if known is None else (known,))):
        line = f"Error relocating {entry.path}: unsupported relocation type {kind}"
        yield SymbolProblem("relocation", str(kind), None, None, entry.path, line)
