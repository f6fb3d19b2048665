"""What differs between releases of glibc, as data: each rule with the release that changed it."""

from __future__ import annotations

import re

from msgspec import Struct, structs

Release = tuple[int, int]


class Rules(Struct, frozen=True, kw_only=True):
    """How one release of ld.so behaves; the defaults are those of the oldest, 2.17."""

    hwcaps_subdirs: bool = False  # looks into glibc-hwcaps/LEVEL
    legacy_subdirs: bool = True  # looks into tls/, the platform's and hwcap's directories
    skips_abi_tag: bool = True  # passes over a library whose ABI tag wants a newer kernel
    refuses_pie: bool = False  # BZ 24323
    checks_isa: bool = False  # GNU_PROPERTY_X86_ISA_1_NEEDED
    checks_alignment: bool = True  # p_align has to be a multiple of the page size
    misaligned: str = "ELF load command address/offset not properly aligned"
    checks_relr: bool = False  # knows DT_RELR and insists on GLIBC_ABI_DT_RELR
    old_kernel_fatal: bool = True  # "FATAL: kernel too old"
    strict_version_file: bool = True  # the needed file itself must have the symbol, BZ 24741
    bare_definitions: bool = False  # a versioned reference takes any symbol of a bare object
    cache_hwcap_ignored: bool = False  # entries with a legacy hwcap are never chosen


# (the first release with it, field, value)
CHANGES: tuple[tuple[Release, str, bool | str], ...] = (
    ((2, 30), "strict_version_file", False),
    ((2, 31), "refuses_pie", True),
    ((2, 33), "hwcaps_subdirs", True),
    ((2, 33), "checks_isa", True),
    ((2, 35), "checks_alignment", False),
    ((2, 35), "misaligned", "ELF load command address/offset not page-aligned"),
    ((2, 36), "skips_abi_tag", False),
    ((2, 36), "old_kernel_fatal", False),
    ((2, 36), "checks_relr", True),
    ((2, 37), "legacy_subdirs", False),
    ((2, 40), "cache_hwcap_ignored", True),
    ((2, 41), "bare_definitions", True),
)


def rules_of(release: Release) -> Rules:
    """Return the rules of *release*."""
    changed = {field: value for since, field, value in CHANGES if release >= since}
    return structs.replace(Rules(), **changed)


def parse_release(text: str | None) -> Release | None:
    """Return (2, 36) for "2.36", "2.36.9000" or "2.36-9"; None for anything else."""
    match = re.match(r"(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else None
