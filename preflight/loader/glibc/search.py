"""
Where ld.so looks for a library, in its order.

Source: glibc elf/dl-load.c, _dl_map_object() (the order of the lists),
fillin_rpath() (what an element becomes), open_path() (when a list ends);
`hardware` has the
subdirectories.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from preflight.loader.glibc import tokens
from preflight.loader.glibc.cache import Cache, cache_flags, choose, parse_cache
from preflight.loader.glibc.hardware import Hardware, hardware_of
from preflight.loader.glibc.release import Rules
from preflight.loader.setting import Setting
from preflight.model.elf import DF_1_NODEFLIB, Elf
from preflight.model.question import BytesContent, FileState, NotAsked


class Requester(Struct, frozen=True):
    """An object that wants a library, as far as the search looks at it."""

    label: str  # how a rule names it
    elf: Elf
    origin: str | None  # what $ORIGIN means to it, None: nobody knows or no /proc
    loaded_by: Requester | None
    unplaced: bool = False  # nobody said where it will lie


class Place(Struct, frozen=True):
    """
    One file to try.

    *path* is what the loader opens (relative to the working directory where
    it does not start with "/").  *plain*: not in a hardware subdirectory; only
    such a file ends its list where it cannot be opened for an odd reason.
    *uncertain*: why we cannot say whether this loader looks here at all.
    *directory*: the element of a list that it comes from.
    """

    rule: str
    path: str
    plain: bool = True
    uncertain: str | None = None
    directory: str | None = None


class Unexpanded(Struct, frozen=True):
    """An element of a list that the loader would expand and we cannot."""

    rule: str
    element: str
    reason: str


class Skip(Struct, frozen=True):
    """A list that gives the loader no place to look, and why."""

    rule: str
    reason: str


PathList = Iterator["Place | Unexpanded | Skip"]


class Search:
    """The search of one start: `lists` yields one iterator for each of the loader's lists."""

    def __init__(self, setting: Setting, rules: Rules, program: Requester) -> None:
        self._setting = setting
        self._rules = rules
        self._program = program
        # The errno of the last file that could not be opened: stale, it ends up in messages.
        self.errno: str | None = None
        self._tried: set[str] = set()

    def lists(self, name: str, requester: Requester) -> Iterator[PathList]:
        """Yield the lists in which *name* is looked up for *requester*, in order, but the last."""
        yield from self._rpaths(name, requester)
        yield self._library_path(name)
        yield self._runpath(name, requester)
        yield self._cached(name, requester)

    def passes_over(self, place: Place, requester: Requester) -> bool:
        """
        Whether the loader knows that the directory is not there, and leaves errno alone.

        That shows only where no system directory is tried after it, so only
        then is it asked for.
        """
        directory = place.directory
        if directory is None or directory not in self._tried:
            self._tried |= {directory} if directory else set()
            return False
        return _no_default(requester) and not self._is_directory(directory)

    def ends_list(self, place: Place, errno: str) -> bool:
        """
        Whether open_path() gives up a list at this errno.

        It does not where there is no directory in which the file could be.
        """
        expected = ("ENOENT", "EACCES", *(() if self._rules.enotdir_ends_list else ("ENOTDIR",)))
        if place.directory is None or errno in expected:
            return False
        return not place.directory.startswith("/") or self._is_directory(place.directory)

    @property
    def cache_pending(self) -> bool:
        """Whether ld.so.cache has been asked for and not been answered."""
        return isinstance(self._cache_answer, NotAsked)

    def expand(self, text: str, requester: Requester) -> str | None:
        """
        Return *text* with its tokens expanded for *requester*, None where it is passed over.

        In a secure start $ORIGIN has to come first, and that of the program has to
        lie in a system directory.
        """
        expanded = tokens.expand(text, self._tokens(requester))
        if expanded is None or not self._setting.start.secure or not tokens.needs(text, "ORIGIN"):
            return expanded
        if not tokens.begins_with_origin(text):
            return None
        inside = f"{posixpath.normpath(expanded)}/".startswith(self.system_dirs)
        return expanded if inside or requester is not self._program else None

    def _rpaths(self, name: str, requester: Requester) -> Iterator[PathList]:
        if requester.elf.runpath is not None:
            if self._program.elf.rpath or requester.elf.rpath:
                yield iter([Skip("RPATH", f"not searched: {requester.label} has a RUNPATH")])
            return
        chain = list(_chain(requester))
        for holder in chain if self._program in chain else [*chain, self._program]:
            if holder.elf.runpath is None and holder.elf.rpath:
                rule = f"RPATH of {holder.label}"
                yield self._elements(name, holder.elf.rpath.split(":"), rule, holder)

    def _library_path(self, name: str) -> PathList:
        value = self._setting.start.variable("LD_LIBRARY_PATH")
        if not value:
            return
        if self._setting.start.secure:
            yield Skip("LD_LIBRARY_PATH", "not searched: the start is secure (AT_SECURE)")
            return
        elements = value.replace(";", ":").split(":")
        yield from self._elements(name, elements, "LD_LIBRARY_PATH", self._program)

    def _runpath(self, name: str, requester: Requester) -> PathList:
        if requester.elf.runpath:
            rule = f"RUNPATH of {requester.label}"
            yield from self._elements(name, requester.elf.runpath.split(":"), rule, requester)

    def _cached(self, name: str, requester: Requester) -> PathList:
        if self._cache is None:
            return
        if not self._rules.cache_hwcap_ignored:
            for entry in self._cache.legacy(name, self._flags):
                reason = "ld.so.cache lists it for some CPUs only"
                yield Place("ld.so.cache", entry.path, uncertain=reason)
        chosen = choose(self._cache, name, flags=self._flags, active=self._hardware.levels)
        if chosen is None:
            yield Skip("ld.so.cache", "no entry")
            return
        if _no_default(requester) and chosen.path.startswith(self.system_dirs):
            yield Skip("ld.so.cache", f"not searched: {requester.label} has NODEFLIB")
            return
        unsure = self._hardware.level_doubt if chosen.level else None
        unsure = "ld.so.cache is cut off" if self._cache.cut else unsure
        yield Place("ld.so.cache", chosen.path, uncertain=unsure)

    def system(self, name: str, requester: Requester) -> PathList:
        """Yield the places of the last list."""
        if _no_default(requester):
            yield Skip("system directories", f"not searched: {requester.label} has NODEFLIB")
            return
        for directory in self.system_dirs:
            yield from self._in_directory(name, directory, "system directory")

    def _elements(
        self, name: str, elements: Sequence[str], rule: str, holder: Requester
    ) -> PathList:
        seen: set[str] = set()  # of two that are the same the list keeps the first
        for element in elements:
            directory = self.expand(element, holder) if element else "./"
            if directory is None:
                doubt = self.token_doubt(element, holder)
                if doubt:
                    yield Unexpanded(rule, element, doubt)
                else:
                    yield Skip(rule, f"not searched: {element} cannot be expanded")
            elif directory and (directory := directory.rstrip("/") + "/") not in seen:
                seen.add(directory)
                yield from self._in_directory(name, directory, rule)

    def token_doubt(self, text: str, holder: Requester) -> str | None:
        """Return why nobody can tell what the tokens of *text* stand for, None where one can."""
        if holder.unplaced and tokens.needs(text, "ORIGIN"):
            return "the install path was not given"
        return self._hardware.platform_doubt if tokens.needs(text, "PLATFORM") else None

    def _in_directory(self, name: str, directory: str, rule: str) -> Iterator[Place]:
        hardware = self._hardware
        if hardware.levels and self._is_directory(f"{directory}glibc-hwcaps"):
            for level in hardware.levels:
                path = f"{directory}glibc-hwcaps/{level}/{name}"
                yield Place(f"{rule}, glibc-hwcaps/{level}", path, False, hardware.level_doubt)
        there = {word for word in hardware.legacy if self._is_directory(directory + word)}
        for subdirectory in hardware.legacy_subdirs() if there else ():
            if subdirectory.partition("/")[0] in there:
                path = f"{directory}{subdirectory}/{name}"
                yield Place(f"{rule}, {subdirectory}", path, False, hardware.legacy_doubt)
        yield Place(rule, directory + name, directory=directory)

    def _is_directory(self, path: str) -> bool:
        absolute = self.absolute(path)
        if absolute is None:
            return False
        state = self._setting.inquiry.stat(absolute)
        return isinstance(state, FileState) and state.kind == "directory"

    def absolute(self, path: str) -> str | None:
        """Return *path* from the root, None where it depends on a working directory not given."""
        if path.startswith("/"):
            return path
        cwd = self._setting.start.cwd
        return None if cwd is None else posixpath.join(cwd, path)

    @cached_property
    def system_dirs(self) -> tuple[str, ...]:
        """The directories that were compiled into the loader."""
        identity = self._setting.loader.identity
        return identity.system_dirs if identity else ()

    @cached_property
    def _hardware(self) -> Hardware:
        return hardware_of(self._setting, self._rules)

    @cached_property
    def _cache_answer(self) -> object:
        identity = self._setting.loader.identity
        path = (identity.cache_path if identity else None) or "/etc/ld.so.cache"
        return self._setting.inquiry.data(path)

    @cached_property
    def _cache(self) -> Cache | None:
        answer = self._cache_answer
        return parse_cache(answer.data) if isinstance(answer, BytesContent) else None

    @cached_property
    def _flags(self) -> frozenset[int]:
        return cache_flags(self._setting.loader)

    def _tokens(self, requester: Requester) -> Mapping[str, str | None]:
        return {
            "ORIGIN": requester.origin,
            "LIB": tokens.lib_token(self.system_dirs),
            "PLATFORM": self._hardware.platform,
        }


def _chain(requester: Requester) -> Iterator[Requester]:
    """Yield *requester*, the object that loaded it, and so on up to the program."""
    current: Requester | None = requester
    while current is not None:
        yield current
        current = current.loaded_by


def _no_default(requester: Requester) -> bool:
    return bool(requester.elf.dt_flags_1 & DF_1_NODEFLIB)
