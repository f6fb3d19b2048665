"""Dynamic symbols: how many there are, where they are defined, and how relocations use them."""

from __future__ import annotations

import struct

import pytest

from preflight.elf import read_bytes
from preflight.model.elf import (
    EM_386,
    EM_AARCH64,
    EM_ARM,
    EM_X86_64,
    NO_VERSYM,
    PLACE_ABSOLUTE,
    PLACE_COMMON,
    PLACE_SECTION,
    PLACE_UNDEFINED,
    PLACE_ZERO,
    USE_COPY,
    USE_DATA,
    USE_EAGER_SLOT,
    USE_SLOT,
    USE_TLS,
)
from tests.builders.elf import Symbol, build_elf
from tests.elf.readelf import rows

LAYOUTS = {
    EM_X86_64: (64, "little"),
    EM_386: (32, "little"),
    EM_ARM: (32, "little"),
    EM_AARCH64: (64, "little"),
    8: (32, "big"),
    21: (64, "big"),
}
# One type of each kind and machine, by its number in elf.h.
TPOFF = {EM_X86_64: 18, EM_386: 14, EM_ARM: 19, EM_AARCH64: 1030}
RELATIVE = {EM_X86_64: 8, EM_386: 8, EM_ARM: 23, EM_AARCH64: 1027}
IRELATIVE = {EM_X86_64: 37, EM_386: 42, EM_ARM: 160, EM_AARCH64: 1032}
ODD = {EM_X86_64: 24, EM_386: 9, EM_ARM: 3, EM_AARCH64: 260}


def build(machine, *symbols, **more):
    """Return the file that `build_elf` makes for *machine*, read."""
    bits, endian = LAYOUTS[machine]
    return read_bytes(build_elf(machine=machine, bits=bits, endian=endian, symbols=symbols, **more))


def uses(elf):
    """Return the USE_* bits of the named symbols, in order."""
    return [record[4] for _, record in rows(elf)][1:]


def test_a_record_holds_all_that_the_symbol_says():
    """Version, binding, visibility, place and size stand in the record."""
    elf = build(
        EM_X86_64,
        Symbol("here", True, "V_1", hidden=True, bind=2, type=1, other=3, size=7),
        Symbol("away"),
        version_defs=["V_1"],
    )

    assert rows(elf) == [
        ("", (0, 0, 0, PLACE_UNDEFINED | PLACE_ZERO, 0, 0, 0, 0)),
        ("here", (0x8002, 0x21, 3, PLACE_SECTION, 0, 7, 0, 0)),
        ("away", (1, 0x12, 0, PLACE_UNDEFINED | PLACE_ZERO, 0, 0, 0, 0)),
    ]


def test_ranks_tell_the_order_of_the_relocations():
    """The record says where a symbol first stands in DT_RELA, and where in DT_JMPREL."""
    uses = [("called", "slot"), ("read", "data"), ("called too", "slot"), ("pointed at", "data")]
    elf = build(EM_X86_64, *(Symbol(name, use=use) for name, use in uses))

    assert [(0, 3), (1, 0), (0, 4), (2, 0)] == [record[6:] for _, record in rows(elf)][1:]


@pytest.mark.parametrize(
    ("section", "value", "place"),
    [
        (0xFFF1, 5, PLACE_ABSOLUTE),
        (0xFFF1, 0, PLACE_ABSOLUTE | PLACE_ZERO),
        (0xFFF2, 8, PLACE_COMMON),
        (9, 0, PLACE_SECTION | PLACE_ZERO),
    ],
)
@pytest.mark.parametrize("machine", [EM_X86_64, 8])
def test_where_a_symbol_is_defined(machine, section, value, place):
    """Absolute and common symbols, and those of value zero, are told apart."""
    elf = build(machine, Symbol("s", section=section, value=value))

    assert rows(elf)[1][1][3] == place


def test_without_a_version_table_no_symbol_has_a_version():
    """A file without DT_VERSYM gives every symbol NO_VERSYM."""
    elf = build(EM_X86_64, Symbol("s", True))

    assert [record[0] for _, record in rows(elf)] == [NO_VERSYM, NO_VERSYM]
    assert not elf.has_version_table


def test_a_size_of_more_than_32_bits_is_cut():
    """A size that does not fit the record stands as the largest that does."""
    elf = build(EM_X86_64, Symbol("s", True, type=1, size=1 << 33, use=None))

    assert rows(elf)[1][1][5] == 0xFFFFFFFF


@pytest.mark.parametrize("kind", [2, 10], ids=["FUNC", "GNU_IFUNC"])
def test_the_size_of_code_is_left_out(kind):
    """Two builds of a library whose functions have other sizes have the same table."""
    tables = {
        build(EM_X86_64, Symbol("f", True, type=kind, size=size)).symbols for size in (16, 32)
    }

    assert len(tables) == 1


@pytest.mark.parametrize("machine", LAYOUTS)
def test_data_and_slots_are_told_apart(machine):
    """An eager relocation is data, one of DT_JMPREL a slot, on every machine."""
    elf = build(machine, Symbol("d", use="data"), Symbol("s", use="slot"), Symbol("n"))

    assert uses(elf) == [USE_DATA, USE_SLOT, 0]


@pytest.mark.parametrize("machine", TPOFF)
def test_copies_and_thread_locals_are_marked(machine):
    """A copy relocation and a thread-local reference have bits of their own."""
    elf = build(machine, Symbol("c", use="copy"), Symbol("t", use=TPOFF[machine]))

    assert uses(elf) == [USE_COPY, USE_DATA | USE_TLS]
    assert not elf.irelative


@pytest.mark.parametrize("machine", TPOFF)
def test_relative_and_none_use_no_symbol(machine):
    """RELATIVE, IRELATIVE and NONE need no symbol, even where they name one."""
    elf = build(
        machine,
        Symbol("r", use=RELATIVE[machine]),
        Symbol("i", use=IRELATIVE[machine]),
        Symbol("n", use=0),
        Symbol("last", use="data"),
    )

    assert uses(elf) == [0, 0, 0, USE_DATA]
    assert elf.irelative
    assert elf.odd_relocations == ()


@pytest.mark.parametrize("machine", ODD)
def test_types_that_no_loader_knows_are_odd(machine):
    """A type that glibc's loader of the machine rejects is listed."""
    elf = build(machine, Symbol("s", use=ODD[machine]), Symbol("t", use="data"))

    assert elf.odd_relocations == (ODD[machine],)


def test_tls_descriptors_among_the_slots_are_eager():
    """TLSDESC in DT_JMPREL is resolved at start, however lazy the rest is."""
    data = bytearray(build_elf(symbols=[Symbol("t", use="slot")]))
    slot = data.index(struct.pack("<Q", 1 << 32 | 7))
    data[slot : slot + 8] = struct.pack("<Q", 1 << 32 | 36)

    assert uses(read_bytes(bytes(data))) == [USE_DATA | USE_TLS | USE_EAGER_SLOT]


def test_aarch64_variant_calls_are_eager():
    """A slot of a function with a variant procedure call standard is resolved at start."""
    elf = build(EM_AARCH64, Symbol("v", other=0x80, use="slot"), Symbol("f", use="slot"))

    assert uses(elf) == [USE_SLOT | USE_EAGER_SLOT, USE_SLOT]


def test_mips_symbols_of_the_global_got_are_used():
    """From DT_MIPS_GOTSYM on symbols are used without a relocation; stubs are lazy."""
    elf = build(
        8,
        Symbol("before"),
        Symbol("stub", value=64),
        Symbol("data", type=1),
        tags=[(0x70000013, 2), (0x70000011, 4)],
    )

    assert uses(elf) == [0, USE_SLOT, USE_DATA]


def gnu_hash(first, buckets, chain):
    """Return a DT_GNU_HASH table with one empty word of its Bloom filter."""
    head = struct.pack("<IIIIQ", len(buckets), first, 1, 0, 0)
    return head + struct.pack(f"<{len(buckets)}I{len(chain)}I", *buckets, *chain)


def test_the_gnu_hash_table_tells_how_many_symbols_there_are():
    """The end of the last chain is the last symbol."""
    symbols = [Symbol(f"s{i}", True) for i in range(5)]

    elf = build(EM_X86_64, *symbols, gnu_hash=gnu_hash(1, [1, 3], [2, 3, 2, 4, 5]))

    assert len(rows(elf)) == 6


def test_a_program_without_exports_still_shows_what_it_uses():
    """Where the hash table is empty the relocations tell how many symbols there are."""
    symbols = [Symbol("a", use="data"), Symbol("b", use="slot"), Symbol("unused")]

    elf = build(EM_X86_64, *symbols, gnu_hash=gnu_hash(1, [0], []))

    assert [name for name, _ in rows(elf)] == ["", "a", "b"]


@pytest.mark.parametrize(
    ("machine", "bits", "endian"), [(22, 64, "big"), (0x9026, 64, "little"), (22, 32, "big")]
)
def test_hash_tables_of_wide_words(machine, bits, endian):
    """The words of DT_HASH have 64 bits on s390x and alpha."""
    data = build_elf(machine=machine, bits=bits, endian=endian, symbols=[Symbol("a"), Symbol("b")])

    assert len(rows(read_bytes(data))) == 3


def test_a_relocation_beyond_the_symbol_table_is_a_defect():
    """A relocation that names a symbol outside the file is a defect, not a symbol."""
    data = bytearray(build_elf(symbols=[Symbol("s", use="data")]))
    at = data.index(struct.pack("<Q", 1 << 32 | 6))
    data[at : at + 8] = struct.pack("<Q", 0x00FFFFFF << 32 | 6)

    elf = read_bytes(bytes(data))

    assert elf.defect == "a relocation names a symbol outside the symbol table"
    assert [name for name, _ in rows(elf)] == ["", "s"]


def test_slots_that_end_the_other_table_are_read_once_and_stay_lazy():
    """DT_JMPREL may be the tail of DT_RELA (glibc elf/dynamic-link.h)."""
    data = build_elf(symbols=[Symbol("d", use="data"), Symbol("s", use="slot")])
    # The builder puts the two tables one behind the other.
    size = data.index(struct.pack("<QQ", 8, 24))
    grown = data[:size] + struct.pack("<QQ", 8, 48) + data[size + 16 :]

    assert uses(read_bytes(grown)) == [USE_DATA, USE_SLOT]
