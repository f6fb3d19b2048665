"""
Which objects musl's loader loads for a program, in load order.

Source: musl ldso/dynlink.c, load_library(), path_open(), fixup_rpath(),
map_library(), load_deps(), __dls3().
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from preflight.loader.setting import Doubt, Ending, Miss, Object, Resolution, Setting
from preflight.model.elf import EM_ARM, ET_DYN, ET_EXEC, PT_DYNAMIC, PT_LOAD, Elf
from preflight.model.question import Absent, BytesContent, ElfContent, Failed, NotAsked
from preflight.model.verdict import Step

# Libraries whose functions musl's libc.so holds itself.
_RESERVED = ("c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet.")
_DEFAULT_PATH = "/lib:/usr/local/lib:/usr/lib"
# What ends the search of path_open() only for the one directory.
_GOES_ON = ("ENOENT", "ENOTDIR", "EACCES", "ENAMETOOLONG")
_ERRNO_TEXT = {
    "ENOENT": "No such file or directory",
    "ENOTDIR": "Not a directory",
    "EACCES": "Permission denied",
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


class _Load:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
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
        queue = deque([self._program, *self._preload()])
        while queue:
            current = queue.popleft()
            for name in current.elf.needed:
                known = len(self._dsos)
                self._library(name, current)
                queue.extend(self._dsos[known:])
        return Resolution(
            family="musl",
            release=None,
            objects=tuple(_freeze(dso) for dso in self._dsos),
            misses=tuple(self._misses),
            doubts=tuple(self._doubts),
            lines=tuple(self._lines),
            ending=self._ending,
        )

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
        self._search(_Wanted(name, by, fatal=needed_by is not None))

    def _is_libc(self, name: str) -> bool:
        """Whether musl answers for *name* itself."""
        if name == self._setting.interpreter:
            return True
        return name.startswith("lib") and name[3:].startswith(_RESERVED)

    def _enlist_ldso(self) -> _Dso:
        if self._ldso not in self._dsos:
            self._dsos.append(self._ldso)
        return self._ldso

    def _search(self, wanted: _Wanted) -> None:
        """Try each place in order; the first file that opens is the one."""
        undirected: str | None = None
        for rule, path in self._places(wanted.name, wanted.by):
            absolute = self._absolute(path)
            if absolute is None:
                undirected = (
                    undirected or f"only {path} could hold it, and nobody said where that is"
                )
                continue
            answer = self._setting.inquiry.elf(absolute)
            if isinstance(answer, NotAsked):
                return
            if isinstance(answer, ElfContent):
                self._open(wanted, rule, path, answer)
                return
            wanted.steps.append(Step(rule, path, _words(answer.errno)))
            if isinstance(answer, Failed) and not self._goes_on(wanted, path, answer.errno):
                return
        if undirected is not None:
            self._doubts.append(Doubt(wanted.name, wanted.by.path, undirected))
        else:
            self._refuse(wanted, "ENOENT", kind="missing")

    def _goes_on(self, wanted: _Wanted, path: str, errno: str) -> bool:
        run_as = self._setting.start.run_as
        if errno == "EACCES" and (run_as is None or run_as != self._setting.facts.user):
            reason = f"{path}: permission denied to the user who looked"
            self._doubts.append(Doubt(wanted.name, wanted.by.path, reason))
            return False
        if errno in _GOES_ON:
            return True
        self._refuse(wanted, errno, kind="unusable")
        return False

    def _places(self, name: str, by: _Dso) -> Iterator[tuple[str, str]]:
        """Yield (rule, path) in the loader's order."""
        if "/" in name:
            yield "path in DT_NEEDED", name
            return
        if not self._setting.start.secure:
            value = self._setting.start.variable("LD_LIBRARY_PATH") or ""
            yield from _in_list("LD_LIBRARY_PATH", value, name)
        holder: _Dso | None = by
        while holder is not None:
            tag = "RUNPATH" if holder.elf.runpath is not None else "RPATH"
            value = self._rpath(holder)
            yield from _in_list(f"{tag} of {holder.path}", value, name)
            holder = holder.loaded_by
        yield from self._system_places(name)

    def _rpath(self, dso: _Dso) -> str:
        """Return the expanded rpath: any token but $ORIGIN voids the whole (fixup_rpath)."""
        text = dso.elf.runpath if dso.elf.runpath is not None else dso.elf.rpath or ""
        if "$" not in text:
            return text
        rest = re.sub(r"\$(ORIGIN|\{ORIGIN\})", "", text)
        if "$" in rest:
            return ""
        origin = dso.origin if dso.origin is not None else "$ORIGIN"
        return re.sub(r"\$(ORIGIN|\{ORIGIN\})", lambda _: origin, text)

    def _system_places(self, name: str) -> Iterator[tuple[str, str]]:
        path_file = _path_file(self._setting)
        answer = self._setting.inquiry.data(path_file)
        if isinstance(answer, NotAsked):
            yield from _in_list("default path", _DEFAULT_PATH, name)
            return
        if isinstance(answer, BytesContent):
            value = answer.data.decode("utf-8", "surrogateescape")
            yield from _in_list(path_file, value, name)
        elif isinstance(answer, Absent):
            yield from _in_list("default path", _DEFAULT_PATH, name)

    def _absolute(self, path: str) -> str | None:
        if path.startswith("/"):
            return path
        if path.startswith("$ORIGIN") or self._setting.start.cwd is None:
            return None
        return posixpath.join(self._setting.start.cwd, path)

    def _open(self, wanted: _Wanted, rule: str, path: str, content: ElfContent) -> None:
        identity = (content.state.device, content.state.inode)
        shortname = None if "/" in wanted.name else wanted.name
        for dso in (*self._dsos, self._ldso):
            if dso.identity == identity:
                dso.shortname = dso.shortname or shortname
                (self._enlist_ldso() if dso is self._ldso else dso).need(wanted.by)
                return
        if errno := _refusal(content.elf, self._setting.loader):
            wanted.steps.append(Step(rule, path, _words(errno)))
            self._refuse(wanted, errno, kind="unusable")
            return
        if content.elf.machine != self._setting.loader.machine:
            reason = f"{path}: made for another machine, and musl does not look at that"
            self._doubts.append(Doubt(wanted.name, wanted.by.path, reason))
            return
        origin = posixpath.dirname(path)
        dso = _Dso(wanted.name, path, content.elf, wanted.by, rule, identity, shortname, origin)
        dso.need(wanted.by)
        self._dsos.append(dso)

    def _refuse(self, wanted: _Wanted, errno: str, *, kind: Literal["missing", "unusable"]) -> None:
        name, by, words = wanted.name, wanted.by.path, _words(errno)
        self._misses.append(
            Miss(
                name=name,
                needed_by=by,
                kind=kind,
                subject=name,
                message=words,
                tried=tuple(wanted.steps),
                fatal=wanted.fatal,
            )
        )
        if wanted.fatal:
            self._lines.append(f"Error loading shared library {name}: {words} (needed by {by})")


def _words(errno: str) -> str:
    return _ERRNO_TEXT.get(errno, errno)


def _in_list(rule: str, value: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the files of a path list; musl passes over empty elements (path_open)."""
    for directory in re.split(r"[:\n]", value):
        if directory:
            yield rule, f"{directory}/{name}"


def _path_file(setting: Setting) -> str:
    """Return the system path file: beside the grandparent directory of the interpreter."""
    directory, file = posixpath.split(setting.interpreter)
    match = re.match(r"ld-musl-([^.]+)", file)
    prefix = posixpath.dirname(directory).rstrip("/")
    architecture = match[1] if match else _architecture(setting.loader)
    return f"{prefix}/etc/ld-musl-{architecture}.path"


def _architecture(elf: Elf) -> str:
    return "arm" if elf.machine == EM_ARM else "x86_64"


def _refusal(elf: Elf, loader: Elf) -> str | None:
    """
    Return the errno with which map_library() refuses a file, None where it takes it.

    Neither magic, machine nor byte order is looked at; a file of the other
    class does not make sense as a header of this one.
    """
    if elf.size_bytes < (64 if loader.bits == 64 else 52) or elf.bits != loader.bits:
        return "ENOEXEC"
    if elf.type not in (ET_DYN, ET_EXEC) or not elf.segments:
        return "ENOEXEC"
    if not any(segment.type == PT_LOAD for segment in elf.segments):
        return "ENOMEM"
    if not any(segment.type == PT_DYNAMIC for segment in elf.segments):
        return "ENOEXEC"
    return None


def _freeze(dso: _Dso) -> Object:
    return Object(
        name=dso.name,
        path=dso.path,
        elf=dso.elf,
        names=(dso.shortname,) if dso.shortname else (),
        rule=dso.rule,
        needed_by=tuple(dso.needed_by),
        preloaded=dso.preloaded,
    )
