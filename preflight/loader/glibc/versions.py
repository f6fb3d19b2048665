"""
Does every library that was found define the versions that are wanted of it?

Only whether the node exists counts, not whether any symbol uses it.
Source: glibc elf/dl-version.c, _dl_check_map_versions(), match_symbol().
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from preflight.loader.glibc.release import Release, inconsistency, rules_of
from preflight.loader.setting import Ending, Object, Resolution, Setting
from preflight.model.elf import Elf, VersionNeed

_ABI_RELR = "GLIBC_ABI_DT_RELR"


class VersionProblem(Struct, frozen=True):
    """One version need that is not met as it should be."""

    kind: Literal["missing", "weak", "bare", "unrequested", "relr"]
    library: str  # the name in the need
    provider: str | None  # the path of what answered to that name
    version: str
    needed_by: str
    line: str | None  # what the loader prints, None: nobody knows exactly
    offered: tuple[str, ...] = ()  # what the provider defines of the same family
    ending: Ending | None = None  # None: only a warning


def check_versions(setting: Setting, resolution: Resolution) -> Iterator[VersionProblem]:
    """Yield the problems in the order in which the loader meets them."""
    undecided = {miss.name for miss in resolution.misses if miss.fatal}
    undecided |= {doubt.subject for doubt in resolution.doubts}
    for wanting in resolution.objects:
        if setting.plugin and not wanting.opened:
            continue
        for need in wanting.elf.version_needs:
            provider = _provider(resolution.objects, need.library)
            if provider is not None:
                yield from _check(setting, wanting, need, provider)
            elif need.library not in undecided and not setting.inquiry.open:
                yield _unrequested(wanting, need, resolution.release)
        if rules_of(resolution.release or (2, 36)).checks_relr and _lacks_relr_need(wanting.elf):
            yield _relr(setting, wanting)


def _provider(objects: Sequence[Object], name: str) -> Object | None:
    """Return the loaded object that was asked for as *name*; a raw soname does not count."""
    return next((entry for entry in objects if name in entry.names), None)


def _check(
    setting: Setting, wanting: Object, need: VersionNeed, provider: Object
) -> Iterator[VersionProblem]:
    # dlerror(3) names no program.
    subject = f"{provider.path}: " if setting.plugin else f"{setting.argv0}: {provider.path}: "
    required = f"(required by {wanting.path})"
    if not provider.elf.version_defs:
        for version in need.versions:
            line = f"{subject}no version information available {required}"
            yield VersionProblem(
                "bare", need.library, provider.path, version.name, wanting.path, line
            )
        return
    defined = {definition.name for definition in provider.elf.version_defs}
    for version in need.versions:
        if version.name in defined:
            continue
        weak = "weak " if version.weak else ""
        line = f"{subject}{weak}version `{version.name}' not found {required}"
        yield VersionProblem(
            "weak" if version.weak else "missing",
            need.library,
            provider.path,
            version.name,
            wanting.path,
            line,
            _family(defined, version.name),
            None if version.weak else Ending.VERSION,
        )


def _family(defined: set[str], wanted: str) -> tuple[str, ...]:
    """Return the defined versions that start like *wanted*, up to its first "_"."""
    start = wanted.partition("_")[0] + "_"
    return tuple(sorted(name for name in defined if name.startswith(start)))


def _unrequested(wanting: Object, need: VersionNeed, release: Release | None) -> VersionProblem:
    line = inconsistency(release, "dl-version.c", "_dl_check_map_versions", "needed != NULL")
    return VersionProblem(
        "unrequested",
        need.library,
        None,
        need.versions[0].name if need.versions else "",
        wanting.path,
        line,
        ending=Ending.ERROR,
    )


def _lacks_relr_need(elf: Elf) -> bool:
    """Whether the object has DT_RELR and needs libc, yet no version says that libc knows it."""
    if (
        not elf.has_relr
        or not elf.version_needs
        or not any(name.startswith("libc.so.") for name in elf.needed)
    ):
        return False
    names = {version.name for need in elf.version_needs for version in need.versions}
    private = any(definition.name == "GLIBC_PRIVATE" for definition in elf.version_defs)
    return _ABI_RELR not in names and not private


def _relr(setting: Setting, wanting: Object) -> VersionProblem:
    words = "DT_RELR without GLIBC_ABI_DT_RELR dependency"
    prefix = "" if setting.plugin else f"{setting.argv0}: error while loading shared libraries: "
    line = f"{prefix}{wanting.path}: {words}"
    return VersionProblem(
        "relr", "libc.so.6", None, _ABI_RELR, wanting.path, line, ending=Ending.ERROR
    )
