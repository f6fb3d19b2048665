"""
Would ld.so take this file as a library?

`examine` makes the tests of open_verify() and _dl_map_object_from_fd() in
their order (glibc elf/dl-load.c).  A file that is not for this loader is
skipped and the search goes on; a file that is broken ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from msgspec import Struct

from preflight.loader.glibc.release import Rules
from preflight.model.elf import (
    DF_1_NOOPEN,
    DF_1_PIE,
    EM_ARM,
    ET_DYN,
    ET_EXEC,
    PF_X,
    PT_DYNAMIC,
    PT_LOAD,
    Elf,
    Segment,
)

_EF_ARM_SOFT, _EF_ARM_HARD = 0x200, 0x400


class Fate(Enum):
    """What becomes of a file that the loader opened."""

    USED = "used"
    SKIPPED = "skipped"
    OTHER_CLASS = "other class"
    FATAL_AT_OPEN = "fatal at open"  # the line names the file's path
    FATAL_AT_MAP = "fatal at map"  # the line names what was asked for
    NOEXEC = "noexec"  # fatal at map, too
    CRASH = "crash"  # SIGBUS, without a word


class Examination(Struct, frozen=True):
    """The fate of one file, with the loader's words for it (or ours where it says nothing)."""

    fate: Fate
    words: str = ""


class Site(Struct, frozen=True):
    """What the tests depend on besides the file."""

    loader: Elf
    rules: Rules
    page_size: int
    kernel: tuple[int, int, int]
    multiarch: bool  # Debian's loader, which looks at the machine before it complains
    stack_locked: bool = False  # no executable stack may be had
    opening: bool = False  # by dlopen(3), no longer at start


def examine(elf: Elf, site: Site, *, noexec: bool = False) -> Examination:
    """
    Return what ld.so would do with *elf* where it was looking for a library.

    *noexec*: the file lies on a mount that forbids execution.
    """
    return _verify(elf, site) or _map(elf, site, noexec=noexec) or Examination(Fate.USED)


def _verify(elf: Elf, site: Site) -> Examination | None:
    """The tests of open_verify(), which come before the file is known to be the one."""
    loader = site.loader
    if elf.size_bytes < (64 if loader.bits == 64 else 52):
        return _at_open("file too short")
    if words := _bad_ident(elf.head, site):
        return _foreign(elf, site) or words
    if elf.head[20:24] != (b"\1\0\0\0" if loader.endian == "little" else b"\0\0\0\1"):
        return _at_open("ELF file version does not match current one")
    if elf.machine != loader.machine:
        return Examination(Fate.SKIPPED, "skipped: made for another machine")
    if loader.machine == EM_ARM and _float_conflict(elf.flags, loader.flags):
        return _foreign(elf, site) or _at_open("internal error")
    if elf.type not in (ET_DYN, ET_EXEC):
        return _at_open("only ET_DYN and ET_EXEC can be loaded")
    if elf.phentsize != (56 if loader.bits == 64 else 32):
        return _at_open("ELF file's phentsize not the expected size")
    if _headers_cut_off(elf):
        return _at_open("cannot read file data")
    return _abi_tag(elf, site)


def _foreign(elf: Elf, site: Site) -> Examination | None:
    """
    Return the skip that Debian's loader makes of a file with a bad e_ident.

    Source: Debian's patches unsubmitted-ldso-machine-mismatch and
    unsubmitted-ldso-abi-check: only magic and class come before the machine.
    """
    loader = site.loader
    if not site.multiarch or elf.head[:5] != _ident(loader)[:5]:
        return None
    if int.from_bytes(elf.head[18:20], loader.endian) != loader.machine:
        return Examination(Fate.SKIPPED, "skipped: made for another machine")
    flags = int.from_bytes(elf.head[36:40], loader.endian)
    if loader.machine == EM_ARM and _float_conflict(flags, loader.flags):
        return Examination(Fate.SKIPPED, "skipped: made for the other float ABI")
    return None


def _bad_ident(head: bytes, site: Site) -> Examination | None:
    loader = site.loader
    if head[:4] != b"\x7fELF":
        return _at_open("invalid ELF header")
    ident = _ident(loader)
    if head[4] != ident[4]:
        return Examination(Fate.OTHER_CLASS, "skipped: wrong ELF class")
    if head[5] != ident[5]:
        return _at_open(f"ELF file data encoding not {loader.endian}-endian")
    if head[6] != 1:
        return _at_open("ELF file version ident does not match current one")
    allowed = (0, 3, 64) if loader.machine == EM_ARM else (0, 3)
    if head[7] not in allowed:
        return _at_open("ELF file OS ABI invalid")
    if head[8] != 0 and not (head[7] == 3 and head[8] < site.rules.gnu_abis):
        return _at_open("ELF file ABI version invalid")
    return _at_open("nonzero padding in e_ident") if any(head[9:16]) else None


def _ident(loader: Elf) -> bytes:
    """Return how the loader wants a file to begin; its own file may begin otherwise."""
    return b"\x7fELF" + bytes((loader.bits // 32, 1 if loader.endian == "little" else 2))


def _float_conflict(flags: int, loader_flags: int) -> bool:
    """Whether an ARM EABI5 object is of the other float ABI (sysdeps/arm/ldsodefs.h)."""
    if flags >> 24 != 5:
        return False
    refused = _EF_ARM_SOFT if loader_flags & _EF_ARM_HARD else _EF_ARM_HARD
    return bool(flags & refused)


def _headers_cut_off(elf: Elf) -> bool:
    wide = elf.bits == 64
    order = elf.endian
    offset = int.from_bytes(elf.head[32:40] if wide else elf.head[28:32], order)
    count = int.from_bytes(elf.head[56:58] if wide else elf.head[44:46], order)
    return offset + count * elf.phentsize > elf.size_bytes


def _abi_tag(elf: Elf, site: Site) -> Examination | None:
    if elf.abi_tag is None or not site.rules.skips_abi_tag:
        return None
    if elf.abi_tag.system != 0:
        return Examination(Fate.SKIPPED, "skipped: its ABI tag names another system")
    if elf.abi_tag.release > site.kernel:
        wanted = ".".join(map(str, elf.abi_tag.release))
        return Examination(Fate.SKIPPED, f"skipped: its ABI tag wants kernel {wanted}")
    return None


def _map(elf: Elf, site: Site, *, noexec: bool) -> Examination | None:
    """The tests of _dl_map_object_from_fd(), in its order."""
    loads = [segment for segment in elf.segments if segment.type == PT_LOAD]
    if words := _misaligned(loads, site):
        return _at_map(words)
    if not loads:
        return _at_map("object file has no loadable segments")
    if elf.type == ET_EXEC:
        return _at_map("cannot dynamically load executable")
    if noexec and any(segment.flags & PF_X for segment in loads):
        return Examination(Fate.NOEXEC, "failed to map segment from shared object")
    if not _has_dynamic(elf):
        return _at_map("object file has no dynamic section")
    if elf.ends_early(site.page_size):
        return Examination(Fate.CRASH, "the file is shorter than its segments (SIGBUS)")
    if elf.dt_flags_1 & DF_1_PIE and site.rules.refuses_pie:
        return _at_map("cannot dynamically load position-independent executable")
    if site.opening and elf.dt_flags_1 & DF_1_NOOPEN:
        return _at_map("shared object cannot be dlopen()ed")
    # Without PT_GNU_STACK an object is taken to want one (DEFAULT_STACK_PERMS).
    if site.stack_locked and elf.exec_stack is not False:
        words = "cannot enable executable stack as shared object requires"
        return _at_map(f"{words}: Invalid argument")
    return None


def _misaligned(loads: Sequence[Segment], site: Site) -> str | None:
    for segment in loads:
        if site.rules.checks_alignment and segment.align & (site.page_size - 1):
            return "ELF load command alignment not page-aligned"
        step = max(segment.align, 1) if site.rules.checks_alignment else site.page_size
        if (segment.vaddr - segment.offset) & (step - 1):
            return site.rules.misaligned
    return None


def _has_dynamic(elf: Elf) -> bool:
    """Whether PT_DYNAMIC is there and not empty (a debug-only file's is empty)."""
    return any(s.type == PT_DYNAMIC and s.filesz > 0 for s in elf.segments)


def _at_open(words: str) -> Examination:
    return Examination(Fate.FATAL_AT_OPEN, words)


def _at_map(words: str) -> Examination:
    return Examination(Fate.FATAL_AT_MAP, words)
