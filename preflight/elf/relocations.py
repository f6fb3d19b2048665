"""
How a file's relocations use its symbols.

Only DT_REL, DT_RELA and DT_JMPREL: a DT_RELR entry names no symbol.  The
numbers are those of elf.h; pyelftools has other ones for AArch64's TLS
(its enums.ENUM_RELOC_TYPE_AARCH64), and lacks some.
"""

from __future__ import annotations

import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from preflight.elf.dynamic import Dynamic
from preflight.elf.image import Image, Layout
from preflight.model.elf import (
    EM_386,
    EM_AARCH64,
    EM_ARM,
    EM_X86_64,
    USE_COPY,
    USE_DATA,
    USE_EAGER_SLOT,
    USE_SLOT,
    USE_TLS,
)

_EM_MIPS = 8
_DT_RELA = 7  # the value of DT_PLTREL for relocations with addend
# How much of a table is looked at in one go, in bytes; a multiple of every entry's size.
_CHUNK = 24 * 12 * 4096
# So many of the types that no loader knows are named.
_MAX_ODD = 256


class Types(NamedTuple):
    """The relocation types that one machine's glibc knows; NONE is 0 everywhere."""

    copy: frozenset[int]
    slot: frozenset[int]
    tls: frozenset[int]
    relative: frozenset[int]  # need no symbol
    irelative: frozenset[int]
    other: frozenset[int]

    @property
    def known(self) -> frozenset[int]:
        """All of them."""
        return frozenset({0}).union(*self)


# Source: glibc sysdeps/*/dl-machine.h, elf_machine_rel() and elf_machine_rela(), and elf.h.
_X86_64 = Types(
    copy=frozenset({5}),
    slot=frozenset({7}),
    tls=frozenset({16, 17, 18, 36}),  # DTPMOD64, DTPOFF64, TPOFF64, TLSDESC
    relative=frozenset({8, 38}),  # RELATIVE, RELATIVE64
    irelative=frozenset({37}),
    other=frozenset({1, 2, 6, 10, 32, 33}),  # 64, PC32, GLOB_DAT, 32, SIZE32, SIZE64
)
_I386 = Types(
    copy=frozenset({5}),
    slot=frozenset({7}),
    tls=frozenset({14, 35, 36, 37, 41}),  # TPOFF, DTPMOD32, DTPOFF32, TPOFF32, DESC
    relative=frozenset({8}),
    irelative=frozenset({42}),
    other=frozenset({1, 2, 6, 38}),  # 32, PC32, GLOB_DAT, SIZE32
)
_ARM = Types(
    copy=frozenset({20}),
    slot=frozenset({22}),
    tls=frozenset({13, 17, 18, 19}),  # DESC, DTPMOD32, DTPOFF32, TPOFF32
    relative=frozenset({23}),
    irelative=frozenset({160}),
    other=frozenset({1, 2, 21}),  # PC24, ABS32, GLOB_DAT
)
_AARCH64 = Types(
    copy=frozenset({1024}),
    slot=frozenset({1026}),
    tls=frozenset({1028, 1029, 1030, 1031}),  # DTPMOD, DTPREL, TPREL, TLSDESC
    relative=frozenset({1027}),
    irelative=frozenset({1032}),
    other=frozenset({257, 258, 1025}),  # ABS64, ABS32, GLOB_DAT
)
TYPES: dict[tuple[int, int], Types] = {
    (EM_X86_64, 64): _X86_64,
    (EM_X86_64, 32): _X86_64,
    (EM_386, 32): _I386,
    (EM_ARM, 32): _ARM,
    (EM_AARCH64, 64): _AARCH64,
}


class Relocations:
    """
    What all relocations of a file do, symbol by symbol.

    *uses* holds USE_* bits at each symbol's index, *data_ranks* and *slot_ranks*
    where it first stands in DT_REL, DT_RELA and in DT_JMPREL (from 1 on; 0: not
    there); symbols from *capacity* on are not in the file.
    """

    def __init__(self, image: Image, machine: int, capacity: int) -> None:
        self.uses = bytearray(capacity)
        self.data_ranks = array.array("I", bytes(4 * capacity))
        self.slot_ranks = array.array("I", bytes(4 * capacity))
        self._rank = 0
        self.count = 0  # one more than the highest symbol used
        self.irelative = False
        self._image = image
        self._odd: set[int] = set()
        self._types = TYPES.get((machine, image.layout.bits))
        self._known = self._types.known if self._types else frozenset()
        self._info = _info_of(image.layout, machine)

    def add(self, address: int, size: int, *, addend: bool, lazy: bool) -> None:
        """Take in one table; *lazy* is that of DT_JMPREL, *addend* says RELA."""
        effects: dict[int, int] = {}
        info, uses = self._info, self.uses
        ranks = self.slot_ranks if lazy else self.data_ranks
        for infos in self._infos(address, size, 3 if addend else 2):
            for number in infos:
                kind = number >> info.type_shift & info.type_mask
                symbol = number >> info.symbol_shift & info.symbol_mask
                bits = effects.get(kind)
                if bits is None:
                    bits = effects[kind] = self._effect(kind, lazy=lazy)
                if bits and symbol:
                    if symbol >= len(uses):
                        self._image.complain("a relocation names a symbol outside the symbol table")
                    else:
                        uses[symbol] |= bits
                        if not ranks[symbol]:
                            self._rank += 1
                            ranks[symbol] = self._rank
        self.count = max(self.count, len(uses.rstrip(b"\0")))

    def odd_types(self) -> tuple[int, ...]:
        """Return the types that the machine's loader does not know, ascending."""
        return tuple(sorted(self._odd)[:_MAX_ODD])

    def _infos(self, address: int, size: int, words: int) -> Iterator[Iterable[int]]:
        """Yield the different r_info values of each chunk of a table, in their order."""
        layout = self._image.layout
        for start in range(0, size, _CHUNK):
            wanted = min(_CHUNK, size - start)
            data = self._image.table(address + start, wanted, "a relocation table")
            # r_info is the second word of an entry; the many RELATIVE ones count once.
            yield dict.fromkeys(layout.words(data, layout.word_bytes)[1::words])
            if len(data) < wanted:
                return

    def _effect(self, kind: int, *, lazy: bool) -> int:
        """Return the USE_* bits of a relocation type, and remember what is special in it."""
        types = self._types
        if types is None:
            return (USE_SLOT if lazy else USE_DATA) if kind else 0
        if kind not in self._known:
            self._odd.add(kind)
        if kind in types.irelative:
            self.irelative = True
            return 0
        if kind == 0 or kind in types.relative:
            return 0
        if kind in types.copy:
            return USE_COPY
        if kind in types.tls:
            return USE_DATA | USE_TLS | (USE_EAGER_SLOT if lazy else 0)
        return USE_SLOT if lazy and kind in types.slot else USE_DATA


class _Info(NamedTuple):
    """Where symbol and type stand in r_info."""

    symbol_shift: int
    symbol_mask: int
    type_shift: int
    type_mask: int


def _info_of(layout: Layout, machine: int) -> _Info:
    """
    Return the layout of r_info.  Source: gABI, "Relocation"; MIPS64 ABI, "Relocations".

    MIPS64 has a 32-bit symbol, then four single bytes of which the last is the
    type, in that order whatever the byte order.
    """
    if layout.bits == 32:
        return _Info(8, 0xFFFFFF, 0, 0xFF)
    if machine != _EM_MIPS:
        return _Info(32, 0xFFFFFFFF, 0, 0xFFFFFFFF)
    if layout.endian == "big":
        return _Info(32, 0xFFFFFFFF, 0, 0xFF)
    return _Info(0, 0xFFFFFFFF, 56, 0xFF)


def read_relocations(dynamic: Dynamic, machine: int, capacity: int) -> Relocations:
    """Return the uses of all symbols; *capacity* is how many the file has room for."""
    relocations = Relocations(dynamic.image, machine, capacity)
    slots, slots_size = dynamic.get("DT_JMPREL"), dynamic.number("DT_PLTRELSZ")
    for tag in ("DT_REL", "DT_RELA"):
        address, size = dynamic.get(tag), dynamic.number(f"{tag}SZ")
        if address is None:
            continue
        if slots is not None and address <= slots and slots + slots_size == address + size:
            # DT_JMPREL is the tail of this table (glibc elf/dynamic-link.h).
            size -= slots_size
        relocations.add(address, size, addend=tag == "DT_RELA", lazy=False)
    if slots is not None:
        addend = dynamic.get("DT_PLTREL") == _DT_RELA
        relocations.add(slots, slots_size, addend=addend, lazy=True)
    return relocations
