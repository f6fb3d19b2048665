"""
/etc/ld.so.cache: which file ldconfig chose for a soname.

The new format ("glibc-ld.so.cache1.1") stands alone or inside an old file, whose
own entries count only where it does not; string offsets count from the new
header, in an old file from the end of its entries.  Source: glibc elf/dl-cache.c
(_dl_load_cache_lookup, search_cache), sysdeps/generic/dl-cache.h.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

from preflight.model.elf import (
    EM_386,
    EM_AARCH64,
    EM_ARM,
    EM_X86_64,
    X86_LEVELS,
    Elf,
)
from preflight.model.text import decode

_NEW_MAGIC = b"glibc-ld.so.cache1.1"
_OLD_MAGIC = b"ld.so-1.7.0\0"
_HEADER = 48
_ENTRY = 24
_EXTENSION_MAGIC = 0xEAA42174
_EXTENSION_HWCAPS = 1
_OLD_HEADER, _OLD_ENTRY = 16, 12
_ISA_MASK = (1 << 10) - 1  # DL_CACHE_HWCAP_ISA_LEVEL_MASK
_HWCAP_EXTENSION = 1 << 62  # dl_cache_hwcap_extension
_EF_ARM_ABI_FLOAT_HARD = 0x400


class Entry(Struct, frozen=True):
    """
    One line of the cache.

    *level* is the glibc-hwcaps subdirectory of an entry with one, *isa* the
    x86-64 level that its file wants, as a number (0: none).
    """

    flags: int
    soname: str
    path: str
    osversion: int
    hwcap: int
    level: str | None
    isa: int = 0


class Cache(Struct, frozen=True):
    """The entries, in file order."""

    entries: tuple[Entry, ...]

    @property
    def cut(self) -> bool:
        """Whether names are not in the file: a search that comes to one of them finds nothing."""
        return not all(entry.soname and entry.path for entry in self.entries)

    def named(self, soname: str) -> tuple[Entry, ...]:
        """Return the entries of *soname*, as `_dl_cache_libcmp` compares names."""
        return _index(self).get(_sort_key(soname), ())

    def legacy(self, soname: str, flags: frozenset[int]) -> tuple[Entry, ...]:
        """Return the entries of *soname* that releases before 2.40 match against the CPU."""
        return tuple(e for e in self.named(soname) if e.flags in flags and _legacy(e))


@lru_cache(maxsize=64)
def parse_cache(data: bytes) -> Cache | None:
    """Return the cache, None where the loader would not use the file."""
    start = _new_header(data)
    if start is None:
        return _parse_old(data)
    if len(data) < start + _HEADER:
        return None
    for order, flag in (("<", 2), (">", 3)):
        count, _, endian, extension = struct.unpack_from(order + "IIB3xI", data, start + 20)
        if endian in (0, flag) and start + _HEADER + count * _ENTRY <= len(data):
            levels = _levels(data, extension, start, order) if extension else ()
            return Cache(tuple(_entries(data, start, count, order, levels)))
    return None


def choose(
    cache: Cache, soname: str, *, flags: frozenset[int], active: Sequence[str]
) -> Entry | None:
    """
    Return the one entry that the loader takes, None where there is none.

    *active* are the glibc-hwcaps levels of this CPU, best first.  An entry
    for a level beats one without; among equals the first in the file wins.
    """
    best: Entry | None = None
    best_rank = len(active) + 1
    for entry in cache.named(soname):
        if entry.flags not in flags or _legacy(entry):
            continue
        rank = _rank(entry, active)
        if rank < best_rank:
            best, best_rank = entry, rank
    return best


def cache_flags(elf: Elf) -> frozenset[int]:
    """
    Return the entry flags that a loader of this machine accepts.

    Source: sysdeps/*/dl-cache.h (_DL_CACHE_DEFAULT_ID, _dl_cache_check_flags).
    An empty set: the rules of this machine are not known here.
    """
    if elf.machine == EM_386:
        return frozenset({1, 3})
    if elf.machine == EM_X86_64:
        return frozenset({0x303 if elf.bits == 64 else 0x803})
    if elf.machine == EM_AARCH64:
        return frozenset({0x0A03})
    if elf.machine == EM_ARM:
        return frozenset({0x0903 if elf.flags & _EF_ARM_ABI_FLOAT_HARD else 0x0B03, 3})
    others = {21: 0x503, 22: 0x403, 243: 0x1003}
    return (
        frozenset({others[elf.machine]})
        if elf.bits == 64 and elf.machine in others
        else frozenset()
    )


def _new_header(data: bytes) -> int | None:
    if data.startswith(_NEW_MAGIC):
        return 0
    if not data.startswith(_OLD_MAGIC) or len(data) < 16:
        return None
    for order in "<>":
        count = int(struct.unpack_from(order + "I", data, 12)[0])
        start = (16 + count * 12 + 7) & ~7
        if data[start : start + len(_NEW_MAGIC)] == _NEW_MAGIC:
            return start
    return None


def _parse_old(data: bytes) -> Cache | None:
    """Return the entries of an old file without the new format in it."""
    if not data.startswith(_OLD_MAGIC) or len(data) < _OLD_HEADER:
        return None
    for order in "<>":
        count = int(struct.unpack_from(order + "I", data, 12)[0])
        strings = _OLD_HEADER + count * _OLD_ENTRY
        if strings <= len(data):
            rows = struct.iter_unpack(order + "iII", data[_OLD_HEADER:strings])
            return Cache(tuple(_old_entry(data, strings, *row) for row in rows))
    return None


def _old_entry(data: bytes, start: int, flags: int, key: int, value: int) -> Entry:
    return Entry(flags, _string(data, start + key), _string(data, start + value), 0, 0, None)


def _entries(
    data: bytes, start: int, count: int, order: str, levels: Sequence[str]
) -> Iterator[Entry]:
    table = data[start + _HEADER : start + _HEADER + count * _ENTRY]
    for flags, key, value, osversion, hwcap in struct.iter_unpack(order + "iIIIQ", table):
        index = hwcap & 0xFFFFFFFF
        by_level = bool(hwcap & _HWCAP_EXTENSION)
        if by_level and index >= len(levels):
            continue
        yield Entry(
            flags,
            _string(data, start + key),
            _string(data, start + value),
            osversion,
            hwcap,
            levels[index] if by_level else None,
            hwcap >> 32 & _ISA_MASK if by_level else 0,
        )


def _levels(data: bytes, at: int, start: int, order: str) -> tuple[str, ...]:
    """Return the level names; the extension's offsets count from the file, names from *start*."""
    if at + 8 > len(data) or struct.unpack_from(order + "I", data, at)[0] != _EXTENSION_MAGIC:
        return ()
    (count,) = struct.unpack_from(order + "I", data, at + 4)
    for number in range(min(count, 64)):
        if at + 24 + 16 * number > len(data):
            break
        tag, _, offset, size = struct.unpack_from(order + "IIII", data, at + 8 + 16 * number)
        if tag == _EXTENSION_HWCAPS and offset + size <= len(data):
            names = struct.unpack_from(f"{order}{size // 4}I", data, offset)
            return tuple(_string(data, start + name) for name in names)
    return ()


def _string(data: bytes, at: int) -> str:
    end = data.find(b"\0", at)
    return decode(data[at : end if end >= 0 else len(data)])


def _legacy(entry: Entry) -> bool:
    return entry.level is None and entry.hwcap != 0


def _rank(entry: Entry, active: Sequence[str]) -> int:
    if entry.level is None:
        return len(active)
    wanted = X86_LEVELS[entry.isa] if entry.isa < len(X86_LEVELS) else None
    if entry.isa and wanted not in active:
        return len(active) + 1
    return active.index(entry.level) if entry.level in active else len(active) + 1


@lru_cache(maxsize=64)
def _index(cache: Cache) -> dict[str, tuple[Entry, ...]]:
    index: dict[str, tuple[Entry, ...]] = {}
    for entry in cache.entries:
        key = _sort_key(entry.soname)
        index[key] = (*index.get(key, ()), entry)
    return index


def _sort_key(soname: str) -> str:
    """Return *soname* so that names that `_dl_cache_libcmp` calls equal are equal."""
    return re.sub(r"0*([0-9]+)", r"\1", soname)
