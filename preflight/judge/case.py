"""One binary, one start, one host: what every check is given."""

from __future__ import annotations

import posixpath
from functools import cached_property

from msgspec import Struct, structs

from preflight.judge.access import Access, User, access_of, changes_user
from preflight.judge.support import NATIVE, Support, support_of
from preflight.loader import LOADERS
from preflight.loader.setting import Plugin, Resolution, Setting
from preflight.model.elf import Elf, machine_name
from preflight.model.inquiry import Inquiry
from preflight.model.overlay import Overlay, Unpacked
from preflight.model.question import (
    NOT_ASKED,
    ElfAnswer,
    ElfContent,
    Failed,
    FileState,
    Offers,
    Package,
    PackageAnswer,
)
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Facts, Snapshot
from preflight.model.start import Start


class Prediction(Struct, frozen=True):
    """How a start that fails would end: the first line on standard error, the exit status."""

    line: str | None
    exit_status: int | None  # None: the program goes on, and decides itself


class Case:
    """
    What a check may look at; everything derived is computed once.

    `program_name` is how messages name the program: its install path, else
    ``./NAME``; *called* is another name, that of the script which it interprets.
    """

    def __init__(
        self,
        requirements: Requirements,
        start: Start,
        snapshot: Snapshot,
        inquiry: Inquiry | None = None,
        *,
        called: str | None = None,
    ) -> None:
        self.requirements = requirements
        self.start = start
        self.snapshot = snapshot
        self.inquiry = inquiry or _inquiry(start, snapshot)
        self.open_packages: dict[Package, None] = {}  # questions for the sake of remedies
        # For advice: what it asks is put to the host with the rest, and left open makes
        # nothing unknown.
        self.asides = _inquiry(start, snapshot)
        self._called = called

    @cached_property
    def opener(self) -> Case | None:
        """The program that opens this library with dlopen(3), as a case of its own."""
        by = self.start.loaded_by
        if by is None:
            return None
        start = structs.replace(
            self.start, install_path=by.install_path, in_place=by.in_place, loaded_by=None
        )
        return Case(by.requirements, start, self.snapshot, self.inquiry)

    @property
    def elf(self) -> Elf | None:
        """The program, where it is an ELF file."""
        return self.requirements.elf

    @property
    def program_name(self) -> str:
        """How a shell names the program in its messages."""
        return self._called or self.start.install_path or f"./{self.requirements.name}"

    @cached_property
    def argv0(self) -> str:
        """How the loader names the program: glibc by argv[0], musl by the path executed."""
        answer = self.interpreter
        identity = answer.elf.identity if isinstance(answer, ElfContent) else None
        if identity and identity.family == "musl":
            return self.program_name
        return self.start.argv0 or self.program_name

    @cached_property
    def support(self) -> Support:
        """How the host's kernel takes to the program's machine."""
        facts, elf = self.snapshot.facts, self.elf
        if elf is None:
            return NATIVE
        why = self.snapshot.facts_unknown.get("binfmt", "")
        return support_of(facts, elf, binfmt_unknown=why)

    @cached_property
    def facts(self) -> Facts:
        """
        The host's facts, as the program would see them.

        An emulator hides the CPU, and reads what others would have to map as code.
        """
        facts = self.snapshot.facts
        if self.support.kind != "emulated":
            return facts
        return structs.replace(facts, cpu_level=None, mounts=())

    @cached_property
    def real_path(self) -> str | None:
        """The install path with symbolic links resolved, as far as it is there already."""
        path = self.start.install_path
        if path is None:
            return None
        ancestors = [path, *_ancestors(path)]
        states = [self.inquiry.stat(ancestor) for ancestor in ancestors]
        for ancestor, state in zip(ancestors, states, strict=True):
            if isinstance(state, FileState) and state.real:
                return posixpath.normpath(state.real + path[len(ancestor.rstrip("/")) :])
        return path

    @cached_property
    def interpreter_path(self) -> str | None:
        """
        The loader's path: the one that the program names, from the root.

        A shared object names none; it is judged under the host's loader for
        its machine and libc.
        """
        elf = self.elf
        if elf is None:
            return None
        if elf.interpreter is None:
            return self._loader_for_library() if elf.kind == "shared-object" else None
        if elf.interpreter.startswith("/"):
            return elf.interpreter
        cwd = self.start.cwd
        return None if cwd is None else posixpath.join(cwd, elf.interpreter)

    @cached_property
    def interpreter(self) -> ElfAnswer | None:
        """The answer for the loader's file; None where there is no path to ask for."""
        path = self.interpreter_path
        return None if path is None else self.inquiry.elf(path)

    @cached_property
    def access(self) -> Access | None:
        """What the user who starts the program may see; None where that is who looked."""
        return access_of(self.start, self.snapshot.facts.user, self.inquiry)

    @property
    def user(self) -> User:
        """Who starts the program: by default who looked."""
        if self.access is not None:
            return self.access.user
        facts = self.snapshot.facts
        return User(facts.uid, frozenset(facts.gids) or None, next(iter(facts.gids), None))

    @cached_property
    def actual_start(self) -> Start:
        """The start, secure (AT_SECURE) where the very file there changes the user."""
        start, path = self.start, self.start.install_path
        if start.secure is not None or path is None or not start.in_place:
            return start
        state, mount = self.inquiry.stat(path), self.facts.mount_of(self.real_path or path)
        if not isinstance(state, FileState) or (mount and "nosuid" in mount.options):
            return start
        return structs.replace(start, secure=changes_user(state, self.user))

    @cached_property
    def setting(self) -> Setting | None:
        """What the emulated loader is given; None where no loader would be reached."""
        if self.opener is not None:
            return self._opened_by(self.opener)
        answer = self.interpreter
        if self.elf is None or self.interpreter_path is None or not isinstance(answer, ElfContent):
            return None
        return Setting(
            program=self.elf,
            argv0=self.argv0,
            path=self.real_path,
            interpreter=self.elf.interpreter or self.interpreter_path,
            loader=answer.elf,
            loader_id=(answer.state.device, answer.state.inode),
            inquiry=self.access or self.inquiry,
            start=self.actual_start,
            facts=self.facts,
        )

    @cached_property
    def resolution(self) -> Resolution | None:
        """What the loader would load; None without a loader that we know."""
        if self.setting is None or self.setting.loader.identity is None:
            return None
        load = LOADERS.get(self.setting.loader.identity.family)
        return load(self.setting) if load else None

    def package(self, question: Package) -> PackageAnswer:
        """Return what the host's package manager knows; a verdict must not hang on it."""
        answer = self.snapshot.answers.get(question)
        if isinstance(answer, Offers | Failed):
            return answer
        self.open_packages[question] = None
        return NOT_ASKED

    def _opened_by(self, opener: Case) -> Setting | None:
        if opener.setting is None or self.elf is None:
            return None
        plugin = Plugin(
            name=self.program_name,
            path=self.start.install_path,
            elf=self.elf,
            now=_is_python_extension(self.elf),
        )
        return structs.replace(opener.setting, plugin=plugin)

    def _loader_for_library(self) -> str | None:
        elf = self.requirements.elf
        if elf is None:
            return None
        machine = machine_name(elf.machine, elf.bits, elf.endian)
        family = self.requirements.libc or "glibc"
        for libc in self.snapshot.facts.libcs:
            if libc.machine == machine and libc.family == family:
                return libc.interpreter
        return None


def _inquiry(start: Start, snapshot: Snapshot) -> Inquiry:
    """Return who asks the host, with the start's bundle laid over it."""
    if start.bundle is None or start.bundle_root is None:
        return Inquiry(snapshot.answers)
    return Unpacked(Overlay(start.bundle, start.bundle_root, snapshot.answers))


def _is_python_extension(elf: Elf) -> bool:
    """Whether CPython imports it, with RTLD_NOW.  Source: CPython Python/dynload_shlib.c."""
    return elf.symbols is not None and b"\0PyInit_" in elf.symbols.names


def _ancestors(path: str) -> list[str]:
    """Return the directories above *path*, the nearest first, "/" last."""
    parents = []
    while path not in ("/", ""):
        path = posixpath.dirname(path)
        parents.append(path)
    return parents
