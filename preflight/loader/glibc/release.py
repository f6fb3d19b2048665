"""What differs between releases of glibc, as data: each rule with the release that changed it."""

from __future__ import annotations

import re

from msgspec import Struct, structs

Release = tuple[int, int]


class Rules(Struct, frozen=True, kw_only=True):
    """How one release of ld.so behaves; the defaults are those of the oldest, 2.17."""

    hwcaps_subdirs: bool = False  # looks into glibc-hwcaps/LEVEL
    legacy_subdirs: bool = True  # looks into tls/, the platform's and hwcap's directories
    x86_platform: bool = False  # $PLATFORM is the CPU's, not what the kernel calls it
    gnu_abis: int = 3  # EI_ABIVERSION of ELFOSABI_GNU has to be below (libc-abis)
    skips_abi_tag: bool = True  # passes over a library whose ABI tag wants a newer kernel
    refuses_pie: bool = False  # BZ 24323
    checks_isa: bool = False  # GNU_PROPERTY_X86_ISA_1_NEEDED
    checks_alignment: bool = True  # p_align has to be a multiple of the page size
    misaligned: str = "ELF load command address/offset not properly aligned"
    checks_relr: bool = False  # knows DT_RELR and insists on GLIBC_ABI_DT_RELR
    old_kernel_fatal: bool = True  # "FATAL: kernel too old"
    strict_version_file: bool = True  # the needed file itself must have the symbol, BZ 24741
    bare_definitions: bool = False  # a versioned reference takes any symbol of a bare object
    wants_malloc: bool = False  # looks calloc up for itself where somebody needs ld.so
    lazy_descriptors: bool = True  # of x86: TLSDESC in DT_JMPREL waits for its use, BZ 27137
    sorts_by_depth: bool = False  # elf/dl-sort-maps.c, BZ 17645
    guards_protected: bool = False  # GNU_PROPERTY_1_NEEDED_INDIRECT_EXTERN_ACCESS
    execstack_tunable: bool = False  # glibc.rtld.execstack=0 forbids executable stacks
    refuses_exec_stack: bool = False  # of what dlopen(3) loads
    cache_hwcap_ignored: bool = False  # entries with a legacy hwcap are never chosen
    secure_is_lazy: bool = False  # LD_BIND_NOW means nothing to a secure start
    libc_symbols: tuple[str, ...] = ()  # what ld.so looks up in libc.so.6 itself, in its order
    enotdir_ends_list: bool = True  # ... where the directory is one, and the file a bad link


# (the first release with it, field, value)
CHANGES: tuple[tuple[Release, str, bool | str | int | tuple[str, ...]], ...] = (
    ((2, 26), "x86_platform", True),
    ((2, 28), "gnu_abis", 4),
    ((2, 30), "strict_version_file", False),
    ((2, 31), "refuses_pie", True),
    ((2, 32), "wants_malloc", True),
    ((2, 32), "libc_symbols", ("__libc_early_init",)),
    ((2, 33), "hwcaps_subdirs", True),
    ((2, 33), "checks_isa", True),
    ((2, 34), "lazy_descriptors", False),
    ((2, 35), "guards_protected", True),
    ((2, 35), "sorts_by_depth", True),
    ((2, 35), "checks_alignment", False),
    ((2, 35), "misaligned", "ELF load command address/offset not page-aligned"),
    ((2, 36), "skips_abi_tag", False),
    ((2, 36), "old_kernel_fatal", False),
    ((2, 36), "checks_relr", True),
    ((2, 37), "legacy_subdirs", False),
    ((2, 37), "wants_malloc", False),
    ((2, 39), "secure_is_lazy", True),
    ((2, 39), "libc_symbols", ("pthread_mutex_lock", "pthread_mutex_unlock", "__libc_early_init")),
    ((2, 40), "cache_hwcap_ignored", True),
    ((2, 41), "enotdir_ends_list", False),
    ((2, 41), "bare_definitions", True),
    ((2, 41), "execstack_tunable", True),
    ((2, 41), "refuses_exec_stack", True),
)


# Where the assertions stand that a start can fail; other releases were not run here.
_ASSERTIONS: dict[tuple[str, Release], int] = {
    ("rtld.c", (2, 31)): 1897,
    ("rtld.c", (2, 36)): 2060,
    ("rtld.c", (2, 41)): 1998,
    ("rtld.c", (2, 43)): 1990,
    ("dl-version.c", (2, 31)): 205,
    ("dl-version.c", (2, 36)): 204,
    ("dl-version.c", (2, 41)): 204,
    ("dl-version.c", (2, 43)): 204,
    ("dl-call-libc-early-init.c", (2, 36)): 37,
    ("dl-call-libc-early-init.c", (2, 41)): 37,
    ("dl-call-libc-early-init.c", (2, 43)): 37,
    ("../sysdeps/nptl/dl-mutex.c", (2, 41)): 44,
    ("../sysdeps/nptl/dl-mutex.c", (2, 43)): 44,
    ("dl-lookup.c", (2, 31)): 111,
    ("dl-lookup.c", (2, 36)): 107,
}


def inconsistency(release: Release | None, file: str, function: str, words: str) -> str | None:
    """Return the line of a failed assertion; None where its line number is not known."""
    number = _ASSERTIONS.get((file, release or (0, 0)))
    if number is None:
        return None
    return (
        f"Inconsistency detected by ld.so: {file}: {number}: {function}: "
        f"Assertion `{words}' failed!"
    )


def rules_of(release: Release) -> Rules:
    """Return the rules of *release*."""
    changed = {field: value for since, field, value in CHANGES if release >= since}
    return structs.replace(Rules(), **changed)


def parse_release(text: str | None) -> Release | None:
    """Return (2, 36) for "2.36", "2.36.9000" or "2.36-9"; None for anything else."""
    match = re.match(r"(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else None
