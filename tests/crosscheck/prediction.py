"""
What preflight says of one file in one root, in the terms that a loader's own answer has.

`Target` is a root as preflight sees a host: facts, and answers from the disk.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from preflight.judge import judge
from preflight.judge.case import Case
from preflight.judge.versions import problems as version_problems
from preflight.loader.glibc.symbols import SymbolProblem
from preflight.loader.glibc.symbols import check_symbols as glibc_symbols
from preflight.loader.musl.symbols import check_symbols as musl_symbols
from preflight.model.elf import machine_name
from preflight.model.question import Answer, ElfContent, FileState, Package, Question, ReadElf, Stat
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Facts, Libc, Snapshot
from preflight.model.start import Start
from preflight.model.verdict import Verdict
from tests.builders.rootfs import RootFs

LOADERS = (
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
)

# What a trace, which starts nothing, does not say.
_OF_A_START = ("relink", "mistyped", "mixed")


class Answers(Mapping[Question, Answer]):
    """The answers of a root, each looked for when it is asked."""

    def __init__(self, root: RootFs) -> None:
        self._root = root

    def __getitem__(self, question: Question) -> Answer:
        if isinstance(question, Package):  # for remedies, which are not compared
            raise KeyError(question)
        found = self._root.answers.get(question)
        if found is None:
            found = self._root.answers[question] = self._root.answer(question)
        return found

    def __iter__(self) -> Iterator[Question]:
        return iter(self._root.answers)

    def __len__(self) -> int:
        return len(self._root.answers)


class Traced(msgspec.Struct, frozen=True, kw_only=True):
    """What `LD_TRACE_LOADED_OBJECTS` would say: all that is missing, not only the first."""

    missing: frozenset[str]
    versions: frozenset[str]  # the lines
    symbols: frozenset[tuple[str, str]]  # "undefined symbol: f, version V", and of which object
    # Objects that want versions of a missing library: a trace takes their symbols for unversioned.
    blurred: frozenset[str] = frozenset()


class Target:
    """One root, as preflight sees a host."""

    def __init__(self, name: str, place: Path) -> None:
        self.name = name
        self.root = RootFs(str(place))
        self.answers = Answers(self.root)
        self.seconds = 0.0
        self.judged = 0
        self._snapshot = Snapshot(
            host=name,
            address="",
            status="probed",
            facts=_facts(self.root),
            answers=self.answers,
        )

    def libc(self, family: str, machine: str) -> str | None:
        """Return the loader of this family and machine."""
        return next(
            (
                libc.interpreter
                for libc in self._snapshot.facts.libcs
                if (libc.family, libc.machine) == (family, machine)
            ),
            None,
        )

    def may_execute(self, path: str) -> bool:
        """Whether nobody may execute the file."""
        state = self.answers[Stat(path)]
        return isinstance(state, FileState) and bool(state.mode & 0o001)

    def verdict(self, wanted: Requirements, start: Start) -> Verdict:
        """Judge a start, and count the time."""
        began = time.perf_counter()
        judgement = judge(wanted, start, self._snapshot)
        self.seconds += time.perf_counter() - began
        self.judged += 1
        if judgement.questions:
            raise RuntimeError(f"open questions: {judgement.questions}")
        return judgement.verdict

    def trace(self, wanted: Requirements, start: Start) -> Traced | None:
        """Say what a trace would, None where no loader is reached."""
        now = (*start.env, ("LD_BIND_NOW", "1"))
        case = Case(wanted, msgspec.structs.replace(start, env=now), self._snapshot)
        if case.setting is None or case.resolution is None:
            return None
        family = case.resolution.family
        check = musl_symbols if family == "musl" else glibc_symbols
        found = check(case.setting, case.resolution)
        missing = frozenset(miss.name for miss in case.resolution.misses)
        return Traced(
            missing=missing,
            blurred=frozenset(
                entry.path
                for entry in case.resolution.objects
                if any(need.library in missing for need in entry.elf.version_needs)
            ),
            versions=frozenset(problem.line for problem in version_problems(case)),
            symbols=frozenset(
                (_words(problem.line) if family == "glibc" else problem.symbol, problem.needed_by)
                for problem in found
                if problem.kind not in _OF_A_START and not _is_own_malloc(problem)
            ),
        )


def _is_own_malloc(problem: SymbolProblem) -> bool:
    """Whether it is what ld.so looks up for itself, at a start but not in a trace."""
    return problem.symbol == "calloc" and problem.version is not None and problem.library is None


def _words(line: str | None) -> str:
    """Return the part of a symbol's line that stands after the object's name."""
    words = r"undefined symbol: .*|symbol .* not defined in .*|Inconsistency.*"
    match = re.search(words, line or "")
    return match[0] if match else str(line)


def requirements(target: Target, path: str, *, libc: str) -> Requirements:
    """Return what `analyze` would say of the file at *path* of the target."""
    content = target.answers[ReadElf(path)]
    if not isinstance(content, ElfContent):
        raise TypeError(f"{path}: {content}")
    return Requirements(
        id="b1",
        path=path,
        name=path.rpartition("/")[2],
        sha256="",
        size_bytes=content.elf.size_bytes,
        format="elf",
        description="",
        elf=content.elf,
        libc="musl" if libc == "musl" else "glibc",
    )


def start_of(path: str, env: Mapping[str, str]) -> Start:
    """Return the start that the oracle makes."""
    return Start(install_path=path, cwd="/", env=tuple(env.items()), run_as="nobody")


def _facts(root: RootFs) -> Facts:
    return Facts(
        system="Linux",
        machine=os.uname().machine,
        kernel=os.uname().release,
        libcs=tuple(_libcs(root)),
        cpu_level=cpu_level(),
        cpu_vendor=_vendor(),
        at_platform=True,
        page_size=os.sysconf("SC_PAGE_SIZE"),
        mounts=(),
        binfmt=(),
        ia32=True,
        uid=65534,
        user="nobody",
        proc_mounted=True,
    )


def _libcs(root: RootFs) -> Iterator[Libc]:
    for path in LOADERS:
        content = root.answer(ReadElf(path))
        if isinstance(content, ElfContent) and content.elf.identity:
            elf, identity = content.elf, content.elf.identity
            machine = machine_name(elf.machine, elf.bits, elf.endian)
            yield Libc(path, machine, identity.family, identity.release)


@functools.cache
def cpu_level() -> str | None:
    """Return this CPU's level, by this machine's own loader."""
    said = subprocess.run([LOADERS[0], "--help"], capture_output=True, text=True, check=True)
    levels = re.findall(r"^ *(x86-64-v\d) \(supported", said.stdout, re.MULTILINE)
    return max(levels, default="x86-64")


def _vendor() -> str | None:
    match = re.search(r"^vendor_id\s*: (\S+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else None
