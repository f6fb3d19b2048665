"""
The dynamic symbols, found as a loader finds them: there is no count of them in the file.

The hash tables know the defined symbols, the relocations the ones that are
used; the highest index of all is the end of the table.  The table is taken
apart column by column, as a large program has a hundred thousand symbols.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from preflight.elf.dynamic import Dynamic
from preflight.elf.hashes import count_hashed
from preflight.elf.image import Layout, cut
from preflight.elf.relocations import Relocations, read_relocations
from preflight.model.elf import (
    EM_AARCH64,
    NO_VERSYM,
    PLACE_ABSOLUTE,
    PLACE_COMMON,
    PLACE_SECTION,
    PLACE_UNDEFINED,
    PLACE_ZERO,
    USE_DATA,
    USE_EAGER_SLOT,
    USE_SLOT,
    SymbolTable,
)

_EM_MIPS = 8
_STT_FUNC = 2
_CODE = frozenset({_STT_FUNC, 10})  # and STT_GNU_IFUNC: nobody copies them
_STO_AARCH64_VARIANT_PCS = 0x80
_PLACES = {0: PLACE_UNDEFINED, 0xFFF1: PLACE_ABSOLUTE, 0xFFF2: PLACE_COMMON}  # SHN_*
_MAX_SIZE = 0xFFFFFFFF
# The largest programs known have a tenth of it.
_MAX_SYMBOLS = 1 << 20
# All names together may be so many times as long as their string table, which shares
# what is equal: in 2,300 real files they are at most 2.2 times as long.
_MAX_SHARING = 4
_MIN_NAMES_BYTES = 1 << 20
# So many names are looked up before their length is checked.
_CHUNK_NAMES = 1024


class _Columns(NamedTuple):
    """The fields of all symbols, one column each."""

    names: array.array[int]
    infos: bytes
    others: bytes
    sections: array.array[int]
    values: array.array[int]
    sizes: array.array[int]


def read_symbols(dynamic: Dynamic, machine: int) -> tuple[SymbolTable | None, Relocations]:
    """Return the table, None without DT_SYMTAB, and the relocations that tell its uses."""
    image = dynamic.image
    address = dynamic.get("DT_SYMTAB")
    entry_bytes = image.layout.symbol_bytes
    room = 0 if address is None else image.extent(address) // entry_bytes
    capacity = min(room, _MAX_SYMBOLS)
    relocations = read_relocations(dynamic, machine, capacity)
    if address is None:
        return None, relocations
    hashed = count_hashed(dynamic, machine)
    count = max(relocations.count, hashed, dynamic.number("DT_MIPS_SYMTABNO"))
    if count > capacity:
        image.complain("the symbol table is too large or lies outside the file's segments")
    data = image.window(address, min(count, capacity) * entry_bytes)
    columns = _columns(image.layout, cut(data, entry_bytes))
    _mark_uses(dynamic, machine, columns, relocations.uses)
    return _table(dynamic, columns, relocations), relocations


def _columns(layout: Layout, data: bytes) -> _Columns:
    """Take Elf32_Sym or Elf64_Sym apart, by the places of their fields.  Source: gABI."""
    halves, words = layout.words(data, 2), layout.words(data, 4)
    if layout.bits == 64:
        longs = layout.words(data, 8)
        infos, others = data[4::24], data[5::24]
        return _Columns(words[::6], infos, others, halves[3::12], longs[1::3], longs[2::3])
    infos, others = data[12::16], data[13::16]
    return _Columns(words[::4], infos, others, halves[7::8], words[1::4], words[2::4])


def _table(dynamic: Dynamic, columns: _Columns, relocations: Relocations) -> SymbolTable:
    names = list(_names(dynamic, columns.names))
    count = len(names)
    # One `SYMBOL_RECORD` each, 18 bytes, written column by column.
    table = bytearray(18 * count)
    _write(table, 0, 2, "H", _version_indexes(dynamic, count))
    table[2::18] = columns.infos[:count]
    table[3::18] = columns.others[:count]
    table[4::18] = _places(columns)[:count]
    table[5::18] = relocations.uses[:count]
    pairs = zip(columns.infos, columns.sizes[:count], strict=False)
    sizes = [0 if info & 0xF in _CODE else min(_MAX_SIZE, size) for info, size in pairs]
    _write(table, 6, 4, "I", sizes)
    _write(table, 10, 4, "I", relocations.data_ranks[:count])
    _write(table, 14, 4, "I", relocations.slot_ranks[:count])
    return SymbolTable(b"\0".join([*names, b""]), bytes(table))


def _write(table: bytearray, offset: int, size: int, form: str, values: Iterable[int]) -> None:
    """Write little-endian *values* into a column of the records."""
    column = array.array(form, values)
    if sys.byteorder == "big":
        column.byteswap()
    packed = column.tobytes()
    for byte in range(size):
        table[offset + byte :: 18] = packed[byte::size]


def _places(columns: _Columns) -> bytes:
    place = _PLACES.get
    pairs = zip(columns.sections, columns.values, strict=True)
    return bytes([place(s, PLACE_SECTION) | (0 if v else PLACE_ZERO) for s, v in pairs])


def _names(dynamic: Dynamic, offsets: array.array[int]) -> Iterator[bytes]:
    """Yield the names; a file whose names overlap without end does not get far."""
    strings = dynamic.strings
    find = strings.find
    left = _MAX_SHARING * len(strings) + _MIN_NAMES_BYTES
    for start in range(0, len(offsets), _CHUNK_NAMES):
        part = offsets[start : start + _CHUNK_NAMES]
        ends = [find(b"\0", offset) for offset in part]
        if min(ends) < 0:
            dynamic.image.complain("the name of a symbol lies outside the dynamic string table")
            ends = [max(pair) for pair in zip(ends, part, strict=True)]
        left -= sum(ends) - sum(part)
        if left < 0:
            dynamic.image.complain("the names of the symbols overlap without end")
            return
        yield from [strings[offset:end] for offset, end in zip(part, ends, strict=True)]


def _version_indexes(dynamic: Dynamic, count: int) -> list[int]:
    """Return *count* entries of DT_VERSYM, NO_VERSYM where the table has none."""
    address = dynamic.get("DT_VERSYM")
    if address is None:
        return [NO_VERSYM] * count
    data = dynamic.image.table(address, 2 * count, "the symbol version table")
    found = dynamic.image.layout.words(data, 2).tolist()
    return found + [NO_VERSYM] * (count - len(found))


def _mark_uses(dynamic: Dynamic, machine: int, columns: _Columns, uses: bytearray) -> None:
    """Add the uses that only the machine's own rules and the symbols themselves tell."""
    if machine == EM_AARCH64:
        # Resolved at start, as the lazy stub would spoil their registers (AAPCS64 ELF).
        for index, other in enumerate(columns.others):
            if other & _STO_AARCH64_VARIANT_PCS and uses[index] & USE_SLOT:
                uses[index] |= USE_EAGER_SLOT
    elif machine == _EM_MIPS and dynamic.get("DT_MIPS_GOTSYM") is not None:
        # From DT_MIPS_GOTSYM on every symbol has a GOT entry and no relocation; that of
        # a function with a stub (a value) is lazy (glibc sysdeps/mips/dl-machine.h).
        for index in range(dynamic.number("DT_MIPS_GOTSYM"), len(columns.infos)):
            undefined = columns.sections[index] == 0
            stub = undefined and columns.values[index] and columns.infos[index] & 0xF == _STT_FUNC
            uses[index] |= USE_SLOT if stub else USE_DATA
