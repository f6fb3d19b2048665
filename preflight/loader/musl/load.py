"""
Which objects musl's loader loads for a program, in load order.

Source: musl ldso/dynlink.c, load_library(), load_preload(), load_deps(), __dls3().
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from preflight.loader.musl.candidate import Refusal, examine, is_another_libc
from preflight.loader.musl.search import Search
from preflight.loader.setting import (
    Doubt,
    Ending,
    Miss,
    MissKind,
    Object,
    Plugin,
    Resolution,
    Setting,
)
from preflight.model.elf import Elf
from preflight.model.question import ElfContent, Failed, NotAsked
from preflight.model.text import encode
from preflight.model.verdict import Step

# Libraries whose functions musl's libc.so holds itself.
_RESERVED = ("c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet.")
# What ends the search of path_open() only for the one directory.
_GOES_ON = ("ENOENT", "ENOTDIR", "EACCES", "ENAMETOOLONG")
_NAME_MAX = 255  # bytes; a longer name is not even looked for
_ERRNO_TEXT = {
    None: "No error information",
    "EINVAL": "Invalid argument",
    "ENOENT": "No such file or directory",
    "ENOTDIR": "Not a directory",
    "EACCES": "Permission denied",
    "EPERM": "Operation not permitted",
    "ENAMETOOLONG": "Filename too long",
    "ELOOP": "Symbolic link loop",
    "EISDIR": "Is a directory",
    "EIO": "I/O error",
    "ENOEXEC": "Exec format error",
    "ENOMEM": "Out of memory",
}


def load(setting: Setting) -> Resolution:
    """Return what musl loads for the program of *setting*, and what it cannot."""
    return _Load(setting).run()


def release_of(setting: Setting) -> tuple[int, ...]:
    """Return (1, 2, 3) for musl 1.2.3; nothing where its bytes do not say."""
    identity = setting.loader.identity
    return tuple(map(int, re.findall(r"\d+", (identity and identity.release) or "")[:3]))


@dataclass(slots=True)
class _Dso:
    name: str
    path: str
    elf: Elf
    loaded_by: _Dso | None
    rule: str
    identity: tuple[int, int]
    shortname: str | None
    origin: str | None
    preloaded: bool = False
    opened: bool = False
    needed_by: list[str] = field(default_factory=list)

    def need(self, by: _Dso) -> None:
        if by.path not in self.needed_by:
            self.needed_by.append(by.path)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One library being looked for."""

    name: str
    by: _Dso
    fatal: bool
    steps: list[Step] = field(default_factory=list)

    def chain(self) -> list[_Dso]:
        """Return who wants it, who loaded that one, and so on; nobody wants a preload."""
        chain = [self.by] if self.fatal else []
        while chain and (loader := chain[-1].loaded_by) is not None:
            chain.append(loader)
        return chain


class _Load:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._search = Search(setting)
        self._misses: list[Miss] = []
        self._doubts: list[Doubt] = []
        self._lines: list[str] = []
        self._ending = Ending.ERROR
        origin = posixpath.dirname(setting.path) if setting.path else None
        program = setting.program
        self._program = _Dso("", setting.argv0, program, None, "program", (-1, -1), None, origin)
        self._ldso = _Dso(
            setting.interpreter,
            setting.interpreter,
            setting.loader,
            None,
            "program interpreter",
            setting.loader_id,
            posixpath.basename(setting.interpreter),
            posixpath.dirname(setting.interpreter),
        )
        self._dsos = [self._program]

    def run(self) -> Resolution:
        """Load preloads and dependencies; return the whole."""
        self._complete([self._program, *self._preload()])
        if self._setting.plugin is not None:
            self._open_plugin(self._setting.plugin)
        self._doubt_packed()
        return Resolution(
            family="musl",
            release=None,
            objects=tuple(_freeze(dso) for dso in self._dsos),
            misses=tuple(self._misses),
            doubts=tuple(self._doubts),
            lines=tuple(self._lines),
            ending=self._ending,
        )

    def _complete(self, dsos: Iterable[_Dso]) -> None:
        """Load what *dsos* need, and what that needs."""
        queue = deque(dsos)
        while queue:
            current = queue.popleft()
            for name in current.elf.needed:
                known = len(self._dsos)
                self._library(name, current)
                queue.extend(self._dsos[known:])

    def _open_plugin(self, plugin: Plugin) -> None:
        """Load what dlopen(3) loads; the plugin itself needs not be on the host yet."""
        at_start, name, program = len(self._dsos), plugin.name, self._program
        self._lines.clear()  # dlerror(3) begins anew
        if refusal := self._examined(plugin.elf, noexec=False):
            step = Step("dlopen", name, _told(refusal))
            self._refuse_file(_Wanted(name, program, fatal=True), step, refusal)
            needed_by = f" (needed by {program.path})"
            self._lines = [line.removesuffix(needed_by) for line in self._lines]
            return
        origin = posixpath.dirname(plugin.path) if plugin.path else None
        dso = _Dso(name, name, plugin.elf, program, "dlopen", (-2, -2), None, origin)
        dso.need(program)
        self._dsos.append(dso)
        self._complete([dso])
        for entry in self._dsos[at_start:]:
            entry.opened = True

    def _doubt_packed(self) -> None:
        """DT_RELR is applied from 1.2.4 on; what it leaves undone may never be used."""
        if release_of(self._setting) >= (1, 2, 4):
            return
        reason = "its packed relocations (DT_RELR) are not applied by musl before 1.2.4"
        self._doubts += [Doubt(dso.path, None, reason) for dso in self._dsos if dso.elf.has_relr]

    def _preload(self) -> Iterator[_Dso]:
        value = self._setting.start.variable("LD_PRELOAD") or ""
        if self._setting.start.secure:
            return
        for name in re.split(r"[\s:]+", value):
            known = len(self._dsos)
            if name:
                self._library(name, None)
            for dso in self._dsos[known:]:
                dso.preloaded = True
                yield dso

    def _library(self, name: str, needed_by: _Dso | None) -> None:
        """Load one library; *needed_by* is None for a preload, which may be missing."""
        by = needed_by or self._program
        if self._is_libc(name):
            self._enlist_ldso().need(by)
            return
        if "/" not in name:
            for dso in self._dsos:
                if dso.shortname == name:
                    dso.need(by)
                    return
        wanted = _Wanted(name, by, fatal=needed_by is not None)
        if not name:
            self._search.errno = "EINVAL"
        if not name or ("/" not in name and len(encode(name)) > _NAME_MAX):
            self._refuse(wanted, Refusal(self._search.errno or ""), kind="missing")
            return
        self._find(wanted)

    def _is_libc(self, name: str) -> bool:
        """Whether musl answers for *name* itself."""
        if name == self._setting.interpreter:
            return True
        return name.startswith("lib") and name[3:].startswith(_RESERVED)

    def _enlist_ldso(self) -> _Dso:
        if self._ldso not in self._dsos:
            self._dsos.append(self._ldso)
        return self._ldso

    def _find(self, wanted: _Wanted) -> None:
        """Try each place in order; the first file that opens is the one."""
        undirected: str | None = None
        for rule, path in self._search.places(wanted.name, wanted.chain()):
            absolute = self._search.absolute(path)
            if absolute is None:
                undirected = undirected or "the install path or working directory was not given"
                continue
            answer = self._setting.inquiry.elf(absolute)
            if isinstance(answer, NotAsked):
                return
            if isinstance(answer, ElfContent):
                self._open(wanted, rule, path, answer)
                return
            self._search.errno = answer.errno
            wanted.steps.append(Step(rule, path, _words(answer.errno)))
            if isinstance(answer, Failed) and not self._goes_on(wanted, path, answer.errno):
                return
        if undirected is not None:
            self._doubts.append(Doubt(wanted.name, wanted.by.path, undirected))
        else:
            self._refuse(wanted, Refusal(self._search.errno or ""), kind="missing")

    def _goes_on(self, wanted: _Wanted, path: str, errno: str) -> bool:
        reason = errno if errno not in _ERRNO_TEXT else None
        if errno == "EACCES" and self._setting.start.run_as is None:
            reason = "permission denied to the user who looked"
        if reason is not None:
            self._doubts.append(Doubt(wanted.name, wanted.by.path, f"{path}: {reason}"))
            return False
        if errno in _GOES_ON:
            return True
        self._refuse(wanted, Refusal(errno), kind="unusable")
        return False

    def _open(self, wanted: _Wanted, rule: str, path: str, content: ElfContent) -> None:
        identity = (content.state.device, content.state.inode)
        shortname = None if "/" in wanted.name else wanted.name
        for dso in (*self._dsos, self._ldso):
            if dso.identity == identity:
                dso.shortname = dso.shortname or (shortname and posixpath.basename(dso.path))
                (self._enlist_ldso() if dso is self._ldso else dso).need(wanted.by)
                return
        noexec = self._setting.facts.noexec_mount(content.state.real) is not None
        if refusal := self._examined(content.elf, noexec=noexec):
            self._refuse_file(wanted, Step(rule, path, _told(refusal)), refusal)
            return
        if is_another_libc(content.elf):
            self._enlist_ldso().need(wanted.by)
            return
        origin = posixpath.dirname(path)
        loaded_by = wanted.by if wanted.fatal else None
        dso = _Dso(wanted.name, path, content.elf, loaded_by, rule, identity, shortname, origin)
        dso.need(wanted.by)
        self._dsos.append(dso)

    def _examined(self, elf: Elf, *, noexec: bool) -> Refusal | None:
        page_size = self._setting.facts.page_size or 4096
        return examine(elf, self._setting.loader, page_size=page_size, noexec=noexec)

    def _refuse_file(self, wanted: _Wanted, step: Step, refusal: Refusal) -> None:
        if refusal.doubt:
            self._doubts.append(Doubt(wanted.name, wanted.by.path, f"{step.path}: {refusal.doubt}"))
            return
        wanted.steps.append(step)
        self._search.errno = refusal.errno
        self._refuse(wanted, refusal, kind="noexec" if refusal.errno == "EPERM" else "unusable")

    def _refuse(self, wanted: _Wanted, refusal: Refusal, *, kind: MissKind) -> None:
        name, by, words = wanted.name, wanted.by.path, _told(refusal)
        miss = Miss(
            name=name,
            needed_by=by if wanted.fatal else "LD_PRELOAD",
            kind=kind,
            subject=name,
            message=words,
            tried=tuple(wanted.steps),
            # A preload that is not there is passed over; one that crashes is not.
            fatal=wanted.fatal or refusal.crash is not None,
        )
        self._misses.append(miss)
        if refusal.crash and self._ending is Ending.ERROR:
            self._ending = refusal.crash
        elif wanted.fatal and self._ending is Ending.ERROR:
            self._lines.append(f"Error loading shared library {name}: {words} (needed by {by})")


def _told(refusal: Refusal) -> str:
    return "the loader crashes on it" if refusal.crash else _words(refusal.errno)


def _words(errno: str | None) -> str:
    return _ERRNO_TEXT.get(errno or None, errno or "")


def _freeze(dso: _Dso) -> Object:
    return Object(
        name=dso.name,
        path=dso.path,
        elf=dso.elf,
        names=(dso.shortname,) if dso.shortname else (),
        rule=dso.rule,
        needed_by=tuple(dso.needed_by),
        preloaded=dso.preloaded,
        opened=dso.opened,
    )
