"""
Would musl take this file as a library?

`examine` does what map_library() does (musl ldso/dynlink.c).  It reads any
file as if it were made for its own machine: neither magic, class, byte order
nor machine is looked at.  What such a file would hold cannot be said here.
"""

from __future__ import annotations

from msgspec import Struct

from preflight.loader.setting import Ending
from preflight.loader.symbols import symbols_of
from preflight.model.elf import ET_DYN, ET_EXEC, PF_X, PT_DYNAMIC, PT_LOAD, Elf


class Refusal(Struct, frozen=True):
    """Why the file is not loaded: an errno, an ending without a word, or what nobody can say."""

    errno: str = ""
    crash: Ending | None = None
    doubt: str | None = None


def examine(elf: Elf, loader: Elf, *, page_size: int, noexec: bool) -> Refusal | None:
    """Return why musl does not load *elf*, None where it does."""
    return _headers(elf, loader) or _segments(elf, page_size, noexec=noexec)


def is_another_libc(elf: Elf) -> bool:
    """Whether musl takes itself in the file's stead (load_library)."""
    definitions = symbols_of(elf).definitions
    return all(
        any(not symbol.undefined for symbol in definitions.of(name))
        for name in (b"__libc_start_main", b"stdin")
    )


def _headers(elf: Elf, loader: Elf) -> Refusal | None:
    wide = loader.bits == 64
    head = elf.head
    if elf.size_bytes < (64 if wide else 52):
        return Refusal("ENOEXEC")

    def number(at: int, size: int) -> int:
        return int.from_bytes(head[at : at + size], loader.endian)

    offset = number(32, 8) if wide else number(28, 4)
    size, count = (number(54, 2), number(56, 2)) if wide else (number(42, 2), number(44, 2))
    if number(16, 2) not in (ET_DYN, ET_EXEC) or not size or not count:
        return Refusal("ENOEXEC")
    if offset + size * count > elf.size_bytes:
        return Refusal("ENOEXEC")
    if (elf.bits, elf.endian) != (loader.bits, loader.endian):
        return Refusal(doubt="its header is not this machine's, and musl does not look at that")
    if size != (56 if wide else 32):
        return Refusal(doubt="its program headers have an odd size, and musl does not mind")
    if elf.machine != loader.machine:
        return Refusal(doubt="made for another machine, and musl does not look at that")
    return None


def _segments(elf: Elf, page_size: int, *, noexec: bool) -> Refusal | None:
    loads = [segment for segment in elf.segments if segment.type == PT_LOAD]
    dynamic = [segment for segment in elf.segments if segment.type == PT_DYNAMIC]
    if not dynamic:
        return Refusal("ENOEXEC")
    if not loads:
        return Refusal("ENOMEM")
    if any(s.filesz and (s.vaddr - s.offset) % page_size for s in loads):
        return Refusal(doubt="its segments lie askew in pages, and musl does not look at that")
    if noexec and any(segment.flags & PF_X for segment in loads):
        return Refusal("EPERM")
    if not dynamic[-1].filesz:
        return Refusal(crash=Ending.SEGV)
    if elf.ends_early(page_size):
        return Refusal(crash=Ending.BUS)
    return None
