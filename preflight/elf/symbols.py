"""
The dynamic symbols, found as a loader finds them: there is no count of them in the file.

The hash tables know the defined symbols, the relocations the ones that are
used; the highest index of all is the end of the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from preflight.elf.dynamic import Dynamic
from preflight.elf.image import Image, cut
from preflight.elf.relocations import Relocations, read_relocations
from preflight.model.elf import (
    EM_AARCH64,
    NO_VERSYM,
    PLACE_ABSOLUTE,
    PLACE_COMMON,
    PLACE_SECTION,
    PLACE_UNDEFINED,
    PLACE_ZERO,
    SYMBOL_RECORD,
    USE_DATA,
    USE_EAGER_SLOT,
    USE_SLOT,
    SymbolTable,
)

_EM_MIPS, _EM_S390, _EM_ALPHA = 8, 22, 0x9026
_STT_FUNC = 2
_STO_AARCH64_VARIANT_PCS = 0x80
_PLACES = {0: PLACE_UNDEFINED, 0xFFF1: PLACE_ABSOLUTE, 0xFFF2: PLACE_COMMON}  # SHN_*
_MAX_SIZE = 0xFFFFFFFF
# All names together may be this many times as long as their string table: it shares tails.
_MAX_SHARING = 16
_CHUNK_WORDS = 4096


def read_symbols(dynamic: Dynamic, machine: int) -> tuple[SymbolTable | None, Relocations]:
    """Return the table, None without DT_SYMTAB, and the relocations that tell its uses."""
    image = dynamic.image
    address = dynamic.get("DT_SYMTAB")
    entry = image.layout.symbol
    capacity = 0 if address is None else image.extent(address) // entry.size
    relocations = read_relocations(dynamic, machine, capacity)
    if address is None:
        return None, relocations
    count = max(relocations.count, _hashed(dynamic, machine), dynamic.number("DT_MIPS_SYMTABNO"))
    if count > capacity:
        image.complain("the symbol table lies outside the file's segments")
        count = capacity
    symbols = list(_symbols(image, address, count))
    _mark_uses(dynamic, machine, symbols, relocations.uses)
    return _table(dynamic, symbols, relocations.uses), relocations


_Symbol = tuple[int, int, int, int, int, int]  # name, info, other, section, value, size


def _symbols(image: Image, address: int, count: int) -> Iterator[_Symbol]:
    entry = image.layout.symbol
    data = cut(image.window(address, count * entry.size), entry.size)
    if image.layout.bits == 64:
        yield from entry.iter_unpack(data)
        return
    for name, value, size, info, other, section in entry.iter_unpack(data):
        yield name, info, other, section, value, size


def _table(dynamic: Dynamic, symbols: list[_Symbol], uses: bytearray) -> SymbolTable:
    versions = _version_indexes(dynamic, len(symbols))
    limit = _MAX_SHARING * dynamic.strings_bytes + len(symbols)
    pack = Struct(SYMBOL_RECORD).pack
    names: list[bytes] = []
    records: list[bytes] = []
    for symbol, version, use in zip(symbols, versions, uses, strict=False):
        offset, info, other, section, value, size = symbol
        name = dynamic.raw_string(offset, "the name of a symbol")
        limit -= len(name)
        if limit < 0:
            dynamic.image.complain("the names of the symbols overlap without end")
            break
        place = _PLACES.get(section, PLACE_SECTION) | (0 if value else PLACE_ZERO)
        names.append(name)
        records.append(pack(version, info, other, place, use, min(size, _MAX_SIZE)))
    return SymbolTable(b"".join(name + b"\0" for name in names), b"".join(records))


def _version_indexes(dynamic: Dynamic, count: int) -> list[int]:
    """Return *count* entries of DT_VERSYM, NO_VERSYM where the table has none."""
    address = dynamic.get("DT_VERSYM")
    if address is None:
        return [NO_VERSYM] * count
    data = dynamic.image.table(address, 2 * count, "the symbol version table")
    found = dynamic.image.layout.words(data, 2).tolist()
    return found + [NO_VERSYM] * (count - len(found))


def _mark_uses(dynamic: Dynamic, machine: int, symbols: list[_Symbol], uses: bytearray) -> None:
    """Add the uses that only the machine's own rules and the symbols themselves tell."""
    if machine == EM_AARCH64:
        # Resolved at start, as the lazy stub would spoil their registers (AAPCS64 ELF).
        for index, symbol in enumerate(symbols):
            if uses[index] & USE_SLOT and symbol[2] & _STO_AARCH64_VARIANT_PCS:
                uses[index] |= USE_EAGER_SLOT
    elif machine == _EM_MIPS and dynamic.get("DT_MIPS_GOTSYM") is not None:
        # From DT_MIPS_GOTSYM on every symbol has a GOT entry and no relocation; that of
        # a function with a stub (a value) is lazy (glibc sysdeps/mips/dl-machine.h).
        for index in range(dynamic.number("DT_MIPS_GOTSYM"), len(symbols)):
            _, info, _, section, value, _ = symbols[index]
            stub = section == 0 and value and info & 0xF == _STT_FUNC
            uses[index] |= USE_SLOT if stub else USE_DATA


def _hashed(dynamic: Dynamic, machine: int) -> int:
    """Return how many symbols the hash tables speak of."""
    return max(_sysv_hashed(dynamic, machine), _gnu_hashed(dynamic))


def _sysv_hashed(dynamic: Dynamic, machine: int) -> int:
    """Return nchain of DT_HASH.  Its words have 64 bits on s390x and alpha (their psABIs)."""
    address = dynamic.get("DT_HASH")
    if address is None:
        return 0
    layout = dynamic.image.layout
    size = 8 if layout.bits == 64 and machine in (_EM_S390, _EM_ALPHA) else 4
    words = layout.words(dynamic.image.table(address, 2 * size, "the hash table"), size)
    return words[1] if len(words) == 2 else 0


def _gnu_hashed(dynamic: Dynamic) -> int:
    """
    Return one more than the last symbol of DT_GNU_HASH.

    The highest bucket starts the last chain, whose end has bit 0 set.
    Source: glibc elf/dl-lookup.c, _dl_setup_hash() and do_lookup_x().
    """
    address = dynamic.get("DT_GNU_HASH")
    if address is None:
        return 0
    image = dynamic.image
    head = image.layout.words(image.table(address, 16, "the GNU hash table"), 4)
    if len(head) < 4:
        return 0
    buckets, first, bloom, _ = head
    start = address + 16 + bloom * image.layout.word_bytes
    last = _highest(image, start, buckets)
    if last < first:
        return first
    chain = start + 4 * buckets + 4 * (last - first)
    return last + _chain_length(image, chain)


def _highest(image: Image, address: int, count: int) -> int:
    if 4 * count > image.extent(address):
        image.complain("the GNU hash table lies outside the file's segments")
        return 0
    return max(image.layout.words(image.window(address, 4 * count), 4), default=0)


def _chain_length(image: Image, address: int) -> int:
    """Return how many entries a chain has up to the one with bit 0 set."""
    length = 0
    while words := image.layout.words(image.window(address, 4 * _CHUNK_WORDS), 4):
        for word in words:
            length += 1
            if word & 1:
                return length
        address += 4 * len(words)
    image.complain("a chain of the GNU hash table has no end")
    return length
