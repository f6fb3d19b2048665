"""
Where musl looks for a library, in its order.

Source: musl ldso/dynlink.c, load_library(), path_open(), fixup_rpath(); the
path file is ld-musl(8)'s /etc/ld-musl-ARCH.path.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Protocol

from preflight.loader.setting import Setting
from preflight.model.elf import EM_386, EM_AARCH64, EM_ARM, Elf
from preflight.model.question import Absent, BytesContent, Failed, NotAsked
from preflight.model.text import encode

_DEFAULT_PATH = "/lib:/usr/local/lib:/usr/lib"
_ORIGIN = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})")
# Stands in a path for the directory that nobody told us.
UNKNOWN = "\0"
_BUFFER_BYTES = 512  # for a path and its NUL; longer ones are passed over
_ARCHITECTURES = {EM_386: "i386", EM_AARCH64: "aarch64", EM_ARM: "arm"}


class Holder(Protocol):
    """An object with an rpath; the program's name is empty."""

    name: str
    path: str
    elf: Elf
    origin: str | None


class Search:
    """
    The search of one start.

    *errno* is the loader's errno, None as long as nothing failed: a search
    that opens nothing reports what an earlier one left there.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.errno: str | None = None

    def places(self, name: str, chain: Sequence[Holder]) -> Iterator[tuple[str, str]]:
        """
        Yield (rule, path) for *name*, wanted by the first of *chain*.

        *chain* goes on with the object that loaded it, up to the program or a preload;
        a preload itself has none.
        """
        if "/" in name:
            yield f"path in {'DT_NEEDED' if chain else 'LD_PRELOAD'}", name
            return
        if not self._setting.start.secure:
            value = self._setting.start.variable("LD_LIBRARY_PATH") or ""
            yield from _in_list("LD_LIBRARY_PATH", value, name)
        for holder in chain:
            tag = "RUNPATH" if holder.elf.runpath is not None else "RPATH"
            value = self._rpath(holder, is_program=not holder.name)
            yield from _in_list(f"{tag} of {holder.path}", value, name)
        yield from _in_list(*self._system, name)

    def absolute(self, path: str) -> str | None:
        """Return *path* from the root; None where nobody said where that is."""
        if UNKNOWN in path:
            return None
        if path.startswith("/"):
            return path
        cwd = self._setting.start.cwd
        return None if cwd is None else posixpath.join(cwd, path)

    def _rpath(self, holder: Holder, *, is_program: bool) -> str:
        """Return the expanded rpath: any token but $ORIGIN voids the whole (fixup_rpath)."""
        text = holder.elf.runpath if holder.elf.runpath is not None else holder.elf.rpath or ""
        if "$" not in text:
            return text
        if "$" in _ORIGIN.sub("", text):
            return ""
        hidden = self._setting.start.secure or self._setting.facts.proc_mounted is False
        if is_program and hidden:
            return ""
        origin = UNKNOWN if holder.origin is None else holder.origin
        return _ORIGIN.sub(lambda _: origin, text)

    @cached_property
    def _system(self) -> tuple[str, str]:
        """What (rule, path list) holds after all others, and what reading it does to errno."""
        path_file = path_file_of(self._setting.interpreter, self._setting.loader.machine)
        answer = self._setting.inquiry.data(path_file)
        if isinstance(answer, BytesContent):
            return path_file, answer.data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
        if isinstance(answer, NotAsked):
            return "default path", _DEFAULT_PATH
        self.errno = answer.errno
        if isinstance(answer, Failed) or (isinstance(answer, Absent) and answer.errno != "ENOENT"):
            return path_file, ""
        return "default path", _DEFAULT_PATH


def _in_list(rule: str, value: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the files of a path list; musl passes over empty elements (path_open)."""
    for directory in re.split(r"[:\n]", value):
        path = f"{directory}/{name}"
        if directory and len(encode(path)) < _BUFFER_BYTES:
            yield rule, path


def path_file_of(interpreter: str, machine: int) -> str:
    """Return the system path file: beside the grandparent directory of *interpreter*."""
    directory, file = posixpath.split(interpreter)
    match = re.match(r"ld-musl-([^.]+)", file)
    prefix = posixpath.dirname(directory).rstrip("/")
    architecture = match[1] if match else _ARCHITECTURES.get(machine, "x86_64")
    return f"{prefix}/etc/ld-musl-{architecture}.path"
