"""
What ld.so makes of the CPU: the glibc-hwcaps levels, $PLATFORM and the older subdirectories.

Source: glibc sysdeps/x86/cpu-features.c (init_cpu_features: dl_platform, dl_hwcap),
sysdeps/x86_64/dl-hwcaps_subdirs.c, and elf/dl-hwcaps.c (_dl_important_hwcaps) of
the releases before 2.37.  Where the CPU is not known well enough, the answer
says so and lists all that could be.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from msgspec import Struct

from preflight.loader.glibc.release import Rules
from preflight.loader.setting import Setting
from preflight.model.elf import EM_386, EM_AARCH64, EM_ARM, EM_X86_64, X86_LEVELS

_INTEL = "GenuineIntel"
# Where the words are not known: all that some CPU would have.
_POSSIBLE = {
    EM_X86_64: ("x86_64", "avx512_1", "haswell", "xeon_phi", "tls"),
    EM_386: ("sse2", "cmov", "i386", "i486", "i586", "i686", "haswell", "xeon_phi", "tls"),
    EM_AARCH64: ("asimd", "atomics", "aarch64", "tls"),
    EM_ARM: ("vfp", "neon", "half", "thumb", "fastmult", "edsp", "v6l", "v7l", "v8l", "tls"),
}


class Hardware(Struct, frozen=True):
    """
    The CPU as one loader sees it.

    *levels* are the glibc-hwcaps subdirectories, best first, *legacy* the words
    of the older ones, the weakest first; the doubts say why they are not certain.
    *platform* is None where $PLATFORM has no value, *platform_doubt* says why
    nobody can tell.
    """

    levels: tuple[str, ...]
    level_doubt: str | None
    legacy: tuple[str, ...]
    legacy_doubt: str | None
    platform: str | None
    platform_doubt: str | None

    def legacy_subdirs(self) -> Iterator[str]:
        """Yield the older subdirectories in the loader's order, without the plain one."""
        words = self.legacy[::-1]
        for chosen in itertools.product((True, False), repeat=len(words)):
            if any(chosen):
                yield "/".join(itertools.compress(words, chosen))


def hardware_of(setting: Setting, rules: Rules) -> Hardware:
    """Return what the loader of *setting* sees."""
    levels, level_doubt = _levels(setting, rules)
    platform, platform_doubt = _platform(setting, rules)
    legacy, legacy_doubt = _legacy(setting, rules, platform, platform_doubt)
    return Hardware(levels, level_doubt, legacy, legacy_doubt, platform, platform_doubt)


def _levels(setting: Setting, rules: Rules) -> tuple[tuple[str, ...], str | None]:
    identity, level = setting.loader.identity, setting.facts.cpu_level
    if identity is None or not rules.hwcaps_subdirs or not identity.hwcaps:
        return (), None
    if level not in X86_LEVELS:
        return identity.hwcaps, "the CPU's level is not known"
    reached = X86_LEVELS[: X86_LEVELS.index(level) + 1]
    masked = setting.start.tunable("glibc.cpu.hwcaps") or setting.start.tunable(
        "glibc.cpu.hwcap_mask"
    )
    doubt = "GLIBC_TUNABLES changes which of the CPU's features count" if masked else None
    return tuple(name for name in identity.hwcaps if name in reached), doubt


def _platform(setting: Setting, rules: Rules) -> tuple[str | None, str | None]:
    """Return ($PLATFORM, why it is not known)."""
    facts, machine = setting.facts, setting.loader.machine
    if machine == EM_AARCH64:
        return "aarch64", None
    if machine == EM_X86_64 and not rules.x86_platform:
        return "x86_64", None
    if facts.cpu_level not in X86_LEVELS or machine not in (EM_386, EM_X86_64):
        return None, "the CPU is not known well enough"
    if machine == EM_386:  # every CPU with a level of x86-64 is an i686
        return ("i686", None) if rules.x86_platform else (None, "an older glibc's rule")
    if facts.cpu_vendor is None:
        return None, "the CPU's vendor is not known"
    if facts.cpu_vendor == _INTEL and (name := _intels_name(facts.cpu_level, facts.cpu_flags)):
        return name, None
    if facts.at_platform is None:
        return None, "what the kernel calls the platform is not known"
    return "x86_64" if facts.at_platform else None, None


def _intels_name(level: str, flags: tuple[str, ...]) -> str | None:
    """Return what the loader puts in the place of the kernel's name on new CPUs of Intel's."""
    if {"avx512cd", "avx512er", "avx512pf"} <= set(flags):
        return "xeon_phi"
    return "haswell" if level in ("x86-64-v3", "x86-64-v4") else None


def _legacy(
    setting: Setting, rules: Rules, platform: str | None, doubt: str | None
) -> tuple[tuple[str, ...], str | None]:
    machine = setting.loader.machine
    if not rules.legacy_subdirs:
        return (), None
    if doubt or machine not in (EM_X86_64, EM_386):
        return _POSSIBLE.get(machine, ()), doubt or "an older glibc takes it on some CPUs"
    words = ["x86_64" if machine == EM_X86_64 else "sse2"] if rules.x86_platform else []
    if machine == EM_X86_64 and platform == "haswell" and setting.facts.cpu_level == "x86-64-v4":
        words.append("avx512_1")
    return (*words, *([platform] if platform else []), "tls"), None
