"""Whatever the bytes, the reader ends soon, takes little memory and raises nothing."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preflight.elf import read_bytes
from preflight.model import codec
from preflight.model.elf import SYMBOL_RECORD, Elf
from tests.builders.elf import Note, Symbol, build_elf

pytestmark = pytest.mark.slow

MB = 1 << 20
LIMIT_S = 60  # a wide margin: without the bounds it would be hours
LAYOUTS = [(62, 64, "little"), (22, 64, "big"), (8, 32, "big"), (40, 32, "little")]


def rich(machine: int, bits: int, endian: str) -> bytes:
    """Return a small file that has every table."""
    return build_elf(
        machine=machine,
        bits=bits,
        endian=endian,
        interpreter="/lib/ld.so.1",
        needed=["liba.so", "libb.so"],
        soname="libself.so",
        version_needs={"liba.so": ["V_1", "V_2"], "libb.so": ["V_3"]},
        version_defs=["W_1"],
        symbols=[
            Symbol("f", True, "W_1"),
            Symbol("g", version="V_1", use="data"),
            Symbol("h", version="V_3", use="slot"),
        ],
        notes=[Note(b"GNU\0", 3, b"1234"), Note(b"GNU\0", 1, bytes(16))],
    )


SEEDS = [rich(*layout) for layout in LAYOUTS]
SEEDS += [
    p.read_bytes() for p in map(Path, ("/bin/true", "/lib64/ld-linux-x86-64.so.2")) if p.exists()
]
# Numbers that sit on an edge of some arithmetic.
EDGES = [
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    (1 << 63) - 1,
    (1 << 64) - 1,
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return a seed with some words overwritten, and now and then cut off."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 8))):
        width = draw(st.sampled_from([1, 2, 4, 8]))
        at = draw(st.integers(0, min(len(data), 4096) - width) | st.integers(0, len(data) - width))
        value = draw(
            st.sampled_from(EDGES) | st.integers(0, len(data)) | st.integers(0, (1 << 64) - 1)
        )
        order = draw(st.sampled_from(["little", "big"]))
        data[at : at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, order)
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))])


@settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_no_mutation_raises(data):
    """A file with arbitrary changes is read, and what was read survives its JSON."""
    elf = read_bytes(data)

    assert codec.decode(codec.encode(elf), Elf) == elf


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_raise(data):
    """Arbitrary bytes are read, also behind a good magic."""
    assert read_bytes(data).size_bytes == len(data)
    assert read_bytes(b"\x7fELF\x02\x01\x01" + data).head.startswith(b"\x7fELF")


@pytest.mark.slow
def test_a_hundred_thousand_mutations_do_not_raise():
    """The same for a hundred thousand random changes, from a fixed start."""
    rng = random.Random(20)
    for _ in range(100_000):
        data = bytearray(rng.choice(SEEDS[:4]))
        for _ in range(rng.choice([1, 1, 2, 5, 20])):
            at = rng.randrange(len(data) - 8)
            value = rng.choice(EDGES) if rng.random() < 0.5 else rng.getrandbits(64)
            width = rng.choice([1, 2, 4, 8])
            data[at : at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
        read_bytes(bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data))


def huge(tags, *contents, size=24 * MB):
    """Return a file of one large segment with a dynamic table and *contents* at offsets."""
    data = bytearray(size)
    table = b"".join(struct.pack("<QQ", *tag) for tag in tags) + bytes(16)
    headers = [(1, 7, 0, 0, 0, size, size, 4096)]
    headers.append((2, 6, 0x1000, 0x1000, 0, len(table), len(table), 8))
    data[:64] = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0
    )
    for index, header in enumerate(headers):
        struct.pack_into("<IIQQQQQQ", data, 64 + 56 * index, *header)
    for at, content in ((0x1000, table), *contents):
        data[at : at + len(content)] = content
    return bytes(data)


NAMES, SYMBOLS, TABLE = 0x200000, 0x20000, 0x150000
STRINGS = [(5, NAMES), (10, 16 * MB)]
ENDLESS = (NAMES, b"a" * (16 * MB - 1) + b"\0")
HOSTILE = {
    "nchain of 4 billion": lambda: huge(
        [*STRINGS, (6, SYMBOLS), (4, TABLE)], (TABLE, struct.pack("<II", 1, 0xFFFFFFFF))
    ),
    "a GNU hash chain without end": lambda: huge(
        [*STRINGS, (6, SYMBOLS), (0x6FFFFEF5, TABLE)],
        (TABLE, struct.pack("<IIIIQII", 1, 1, 1, 0, 0, 5, 2)),
    ),
    "buckets beyond the file": lambda: huge(
        [*STRINGS, (6, SYMBOLS), (0x6FFFFEF5, TABLE)],
        (TABLE, struct.pack("<IIII", 1 << 31, 1, 0, 0)),
    ),
    "symbol names that overlap": lambda: huge(
        [*STRINGS, (6, SYMBOLS), (4, TABLE)],
        (TABLE, struct.pack("<II", 1, 50_000)),
        (SYMBOLS, b"".join(struct.pack("<IBBHQQ", i, 18, 0, 1, 1, 1) for i in range(50_000))),
        ENDLESS,
    ),
    "needed names that overlap": lambda: huge(
        [*STRINGS, *((1, i) for i in range(60_000))], ENDLESS
    ),
    "equal names": lambda: huge(
        [*STRINGS, *((1, 0) for i in range(60_000))], (NAMES, b"a" * 60_000)
    ),
    "relocations of every type": lambda: huge(
        [*STRINGS, (6, SYMBOLS), (7, TABLE), (8, 20 * MB)],
        (TABLE, random.Random(1).randbytes(20 * MB)),
    ),
    "version needs in a circle": lambda: huge(
        [*STRINGS, (0x6FFFFFFE, TABLE)], (TABLE, struct.pack("<HHIII", 1, 1, 0, 1, 1) * 100_000)
    ),
    "version needs that share their versions": lambda: huge(
        [*STRINGS, (0x6FFFFFFE, TABLE)], (TABLE, struct.pack("<HHIII", 1, 1, 0, 16, 16) * 100_000)
    ),
    "a dynamic table without end": lambda: huge([(99, 99)] * 66_000),
}


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("build", HOSTILE.values(), ids=HOSTILE)
def test_hostile_tables_end_soon(build):
    """Tables made to keep a reader busy are given up, with a defect."""
    elf = read_bytes(build())

    assert elf.defect is not None
    assert len(elf.odd_relocations) <= 256


def test_a_table_of_millions_of_symbols_is_cut():
    """More symbols than any program has are a defect; a million of them are kept."""
    claimed = (TABLE, struct.pack("<II", 1, 1 << 31))

    elf = read_bytes(huge([*STRINGS, (6, SYMBOLS), (4, TABLE)], claimed, size=28 * MB))

    assert elf.defect == "the symbol table is too large or lies outside the file's segments"
    assert len(elf.symbols.records) == struct.calcsize(SYMBOL_RECORD) << 20


def test_many_program_headers_are_given_up():
    """More program headers than a kernel accepts are a defect, whatever they say."""
    data = bytearray(build_elf()) + bytes(64 * MB // 8)
    struct.pack_into("<QQ", data, 32, 64, 0)
    struct.pack_into("<H", data, 56, 0xFFFF)

    elf = read_bytes(bytes(data))

    assert "program headers are too many" in elf.defect
    assert len(elf.segments) < 1200
