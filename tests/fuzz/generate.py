"""
Random graphs, each from its seed alone.

What occurs is what goes wrong in the field and what the loaders' rules tell
apart: names, directories, tokens, foreign and broken files, versions, symbols.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from tests.fuzz import compiled
from tests.fuzz.graph import PLACE, PROGRAM, File, Graph, Use

COMPILED = 10
NAMES = tuple(f"libfz{number}.so" for number in range(6))
DIRECTORIES = tuple(f"{PLACE}/{name}" for name in ("app/lib", "app/bin", "a", "b", "c", "deep/d"))
SYSTEM = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/local/lib/x86_64-linux-gnu",
    "/usr/lib",
    "/usr/local/lib",
)
HARDWARE = (
    "glibc-hwcaps/x86-64-v2",
    "glibc-hwcaps/x86-64-v3",
    "glibc-hwcaps/x86-64-v4",
    "tls",
    "x86_64",
    "haswell",
    "tls/x86_64",
    "haswell/x86_64",
)
ELEMENTS = (
    *DIRECTORIES,
    "$ORIGIN",
    "$ORIGIN/../lib",
    "${ORIGIN}/../../a",
    "$ORIGIN/../b/",
    f"{PLACE}/$LIB",
    f"{PLACE}/absent",
    f"{PLACE}//a",
    "fz/c",
    "",
    "$NOTHING/x",
    PROGRAM,
)
VERSIONS = ("FZ_1", "FZ_2", "FZ_3")
SYMBOLS = tuple(f"fz_{letter}" for letter in "abcdefgh")
LIBC_VERSIONS = ("GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.33", "GLIBC_2.38", "GLIBC_2.99")


def generate(seed: int, interpreter: str) -> Graph:
    """Return the graph of *seed* for a program with this loader; every tenth is gcc's work."""
    if seed % COMPILED == 0:
        return compiled.generate(seed, interpreter)
    return _Generator(random.Random(seed), interpreter).graph()


class _Generator:
    def __init__(self, dice: random.Random, interpreter: str) -> None:
        self._dice = dice
        self._interpreter = interpreter
        # Each name has its versions, so that needs are mostly met.
        self._versions = {
            name: VERSIONS[: dice.choice((0, 0, 1, 2, 3))] for name in (*NAMES, "libc.so.6")
        }

    def graph(self) -> Graph:
        dice = self._dice
        libraries = [self._library(name) for name in NAMES[: dice.choice((4, 5, 6, 6, 6, 6))]]
        again = dice.choices(libraries, k=dice.choice((0, 0, 1, 2)))
        libraries += [self._library(file.path.rpartition("/")[2]) for file in again]
        program = self._program()
        files = {file.path: file for file in (*libraries, *self._links(libraries), program)}
        names = [file.path for file in libraries]
        return Graph(
            tuple(files.values()), tuple(self._env(names)), self._cached(), self._preload()
        )

    def _chance(self, percent: int) -> bool:
        return self._dice.randrange(100) < percent

    def _program(self) -> File:
        needed = self._needed()
        whole = File(
            PROGRAM,
            interpreter=self._interpreter,
            needed=needed,
            **self._program_paths(),
            **self._versioned(needed),
            symbols=self._symbols(None, copies=True),
            flags=self._pick((0, 0, 0, 8)),
            flags_1=self._pick((0, 0, 0x1, 0x800, 0x08000000)),
            soname=self._pick((None,) * 12 + NAMES),
        )
        return self._bound(whole)

    def _library(self, name: str) -> File:
        needed = self._needed() if self._chance(45) else ()
        path = f"{self._directory()}/{name}"
        whole = File(
            path,
            soname=self._pick((name, name, name, None, *NAMES[:3], f"{name}.1")),
            needed=needed,
            **self._paths(35),
            **self._versioned(needed),
            version_defs=self._versions[name] if self._chance(90) else (),
            symbols=self._symbols(name, copies=False),
            flags=self._pick((0, 0, 0, 0, 2, 8)),
            flags_1=self._pick((0, 0, 0, 0, 1, 0x800)),
        )
        whole = self._bound(whole)
        return self._spoilt(whole) if self._chance(7) else whole

    def _bound(self, file: File) -> File:
        """Give most symbols a version of those that the file defines or needs."""
        wanted = [version for _, versions in file.version_needs for version in versions]
        symbols = tuple(
            self._with_version(use, file.version_defs if use.defined else wanted)
            for use in file.symbols
        )
        return msgspec.structs.replace(file, symbols=symbols)

    def _with_version(self, use: Use, choices: Sequence[str]) -> Use:
        if not choices or not self._chance(65):
            return use
        return msgspec.structs.replace(use, version=self._pick(choices))

    def _directory(self) -> str:
        if self._chance(6):
            return self._pick(SYSTEM)
        directory = self._pick(DIRECTORIES)
        return f"{directory}/{self._pick(HARDWARE)}" if self._chance(12) else directory

    def _needed(self) -> tuple[str, ...]:
        dice = self._dice
        needed = dice.sample(NAMES, dice.choice((1, 1, 2, 2, 3)))
        if self._chance(5):
            needed.append(self._pick(("libfz_absent.so", f"{NAMES[0]}.1", "libfz_link.so")))
        if self._chance(4):
            needed.append(f"{self._pick(DIRECTORIES)}/{self._pick(NAMES)}")
        if self._chance(5):
            needed.append(self._pick(("$ORIGIN/../lib/", "$ORIGIN/", "fz/a/")) + self._pick(NAMES))
        if self._chance(20):
            needed.append("libc.so.6")
        if self._chance(3):
            needed.append("ld-linux-x86-64.so.2")
        dice.shuffle(needed)
        return tuple(needed)

    def _program_paths(self) -> dict[str, str]:
        """Return paths that mostly reach most libraries, so that later stages are reached."""
        if self._chance(25):
            return self._paths(80)
        directories = self._dice.sample(DIRECTORIES, len(DIRECTORIES))
        return {self._pick(("rpath", "rpath", "runpath")): ":".join(directories)}

    def _paths(self, percent: int) -> dict[str, str]:
        if not self._chance(percent):
            return {}
        value = ":".join(self._dice.choices(ELEMENTS, k=self._dice.randint(1, 5)))
        kind = self._pick(("rpath", "runpath"))
        if self._chance(8):
            return {"rpath": value, "runpath": self._pick(ELEMENTS)}
        return {kind: value}

    def _versioned(self, needed: Sequence[str]) -> dict[str, tuple[object, ...]]:
        """Return version needs: mostly of what is needed, and mostly what is there."""
        needs = []
        weak: tuple[str, ...] = ()
        for name in needed:
            known = self._versions.get(name, ())
            if name == "libc.so.6":
                needs.append(
                    (name, tuple(self._dice.sample(LIBC_VERSIONS[: self._pick((2, 2, 4))], 1)))
                )
            elif known and self._chance(60):
                needs.append((name, known[: self._dice.randint(1, len(known))]))
        if self._chance(6):
            needs.append((self._pick((*NAMES, "libfz_x.so")), (self._pick(VERSIONS),)))
        if self._chance(4):
            needs.append((self._pick(needed), ("FZ_9",)) if needed else (NAMES[0], ("FZ_9",)))
            weak = ("FZ_9",) if self._chance(50) else ()
        # One entry a library, one index a version.
        seen: set[str] = set()
        merged: dict[str, tuple[str, ...]] = {}
        for name, versions in needs:
            fresh = tuple(v for v in versions if v not in seen)
            seen.update(fresh)
            if fresh and name not in merged:
                merged[name] = fresh
        return {"version_needs": tuple(merged.items()), "weak_versions": weak} if merged else {}

    def _symbols(self, owner: str | None, *, copies: bool) -> tuple[Use, ...]:
        dice = self._dice
        found = []
        for name in dice.sample(SYMBOLS, dice.randint(0, 5 if owner else 3)):
            if owner is not None and self._chance(75):
                found.append(
                    Use(
                        name,
                        defined=True,
                        hidden=self._chance(8),
                        weak=self._chance(15),
                        type=self._pick((2, 2, 2, 1, 0)),
                    )
                )
            else:
                use = self._pick(("slot", "slot", "slot", "data", "data"))
                copied = copies and self._chance(6)
                use = "copy" if copied else use
                # What is copied has its place in the program, and counts as defined there.
                found.append(Use(name, defined=copied, use=use, weak=self._chance(12)))
        return tuple(found)

    def _spoilt(self, file: File) -> File:
        kinds: tuple[dict[str, object], ...] = (
            {"machine": 183},
            {"machine": 3, "bits": 32},
            {"machine": 40, "bits": 32},
            {"machine": 22, "endian": "big"},
            {"osabi": 3},
            {"osabi": 9},
            {"type": 2},
            {"type": 1},
            {"dynamic": False},
            {"cut": 0},
            {"cut": 40},
            {"cut": 64},
            {"cut": 200},
            {"patches": ((0, b"#!/bin/sh\n"),)},
            {"patches": ((4, b"\1"),)},
            {"patches": ((5, b"\2"),)},
            {"patches": ((6, b"\0"),)},
            {"patches": ((8, b"\1"),)},
            {"patches": ((12, b"\1"),)},
            {"patches": ((20, b"\2"),)},
            {"patches": ((54, b"\x20"),)},
            {"flags_1": 0x08000000},
            {"abi_tag": (0, 99, 0, 0)},
            {"abi_tag": (1, 0, 3, 0)},
            {"abi_tag": (0, 3, 2, 0)},
            {"isa": 2},
            {"isa": 8},
            {"directory": True},
        )
        return msgspec.structs.replace(file, **self._pick(kinds))

    def _links(self, libraries: Sequence[File]) -> list[File]:
        links = []
        for _ in range(self._dice.choice((0, 0, 1, 2))):
            target = self._pick(libraries).path
            name = self._pick((*NAMES, "libfz_link.so", f"{NAMES[0]}.1"))
            path = f"{self._pick(DIRECTORIES)}/{name}"
            link = self._pick((target, target.rpartition("/")[2], f"{PLACE}/nowhere", path))
            if path not in {file.path for file in libraries}:
                links.append(File(path, link=link))
        return links

    def _env(self, libraries: Sequence[str]) -> list[tuple[str, str]]:
        env = []
        if self._chance(30):
            directories = self._dice.choices(ELEMENTS, k=self._dice.randint(1, 3))
            env.append(("LD_LIBRARY_PATH", self._pick((":", ";")).join(directories)))
        if self._chance(15):
            choices = (*libraries, *NAMES, f"{PLACE}/nowhere.so")
            names = self._dice.choices(choices, k=self._dice.randint(1, 2))
            env.append(("LD_PRELOAD", self._pick((":", " ")).join(names)))
        if self._chance(15):
            env.append(("LD_BIND_NOW", self._pick(("1", "", "0"))))
        return env

    def _cached(self) -> tuple[str, ...]:
        if not self._chance(20):
            return ()
        return tuple(self._dice.sample(DIRECTORIES, self._dice.randint(1, 3)))

    def _preload(self) -> str | None:
        if not self._chance(4):
            return None
        return f"# comment\n{self._pick(DIRECTORIES)}/{self._pick(NAMES)} {self._pick(NAMES)}\n"

    def _pick(self, choices: Sequence[object]) -> object:
        return self._dice.choice(choices)
