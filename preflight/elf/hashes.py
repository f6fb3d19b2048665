"""How many symbols the hash tables of a file speak of."""

from __future__ import annotations

from preflight.elf.dynamic import Dynamic
from preflight.elf.image import Image

_EM_S390, _EM_ALPHA = 22, 0x9026
_CHUNK_WORDS = 4096


def count_hashed(dynamic: Dynamic, machine: int) -> int:
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
