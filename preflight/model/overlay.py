"""A host's answers as they will be once a bundle lies on it: pure, nothing is copied."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from preflight.model.elf import Elf
from preflight.model.inquiry import Inquiry
from preflight.model.question import (
    Absent,
    Answer,
    ElfContent,
    Failed,
    FileQuestion,
    FileState,
    List,
    Listing,
    Package,
    Question,
    ReadBytes,
    Stat,
)
from preflight.model.requirements import Bundle, Entry

_DEVICE = -2  # no host's: its own files are never taken for the bundle's
_TYPES = {"file": 0o100000, "directory": 0o040000, "other": 0o010000}
_LINKS = 40  # MAXSYMLINKS of the Linux kernel
_NOT_KEPT = Failed("it comes with the bundle, and its content was not kept")
_LOOP = Failed("ELOOP")


class Unpacked(Inquiry):
    """Asks a host on which a bundle lies; what the bundle's links lead to is what is asked for."""

    def __init__(self, overlay: Overlay) -> None:
        super().__init__(overlay)
        self._overlay = overlay

    def _ask(self, question: FileQuestion) -> object:
        return super()._ask(self._overlay.translated(question))


class Overlay(Mapping[Question, Answer]):
    """
    The answers of a host to which *bundle* was unpacked at *root*.

    What the bundle has hides what the host has at that place; directories show
    the names of both.  What the bundle does not have is the host's to answer.
    A file's `FileState.real` is "": where the way to *root* leads is the host's to say.
    """

    def __init__(self, bundle: Bundle, root: str, host: Mapping[Question, Answer]) -> None:
        self._bundle = bundle
        self._root = posixpath.normpath(root)
        self._host = host

    def __getitem__(self, question: Question) -> Answer:
        if isinstance(question, Package):
            return self._host[question]
        path = self._resolved(question.path)
        answer = _LOOP if path is None else self._answer(self._to(path, question))
        if answer is None:
            raise KeyError(question)
        return answer

    def translated(self, question: FileQuestion) -> FileQuestion:
        """Return *question* for the path to which the bundle's own links lead."""
        path = self._resolved(question.path)
        return question if path is None else self._to(path, question)

    def _to(self, path: str, question: FileQuestion) -> FileQuestion:
        ours = path != posixpath.normpath(question.path) or self._inside(path) is not None
        return type(question)(path) if ours else question

    def __iter__(self) -> Iterator[Question]:
        return iter(self._host)

    def __len__(self) -> int:
        return len(self._host)

    def _answer(self, question: FileQuestion) -> Answer | None:
        inside = self._inside(question.path)
        entry = None if inside is None else self._bundle.index.get(inside)
        if entry is None:
            return self._of_host(question)
        if isinstance(question, List):
            return self._listing(question.path, entry)
        if isinstance(question, Stat):
            return self._state(question.path, entry)
        if entry.kind == "directory":
            return Failed("EISDIR")
        if isinstance(question, ReadBytes):
            return _NOT_KEPT
        return self._content(entry)

    def _of_host(self, question: FileQuestion) -> Answer | None:
        """Return the host's own answer; the directories to the root will be there."""
        answer, path = self._host.get(question), question.path.rstrip("/")
        if not (self._root + "/").startswith(path + "/"):
            return answer
        if isinstance(question, Stat) and isinstance(answer, Absent):
            return FileState(0o040755, 0, 0, _DEVICE, -1 - len(path), 0, 0, 0, "")
        if isinstance(question, List) and isinstance(answer, Absent | Listing):
            ours = self._root[len(path) + 1 :].partition("/")[0]
            return _merged((ours,), answer)
        return answer

    def _state(self, path: str, entry: Entry) -> Answer | None:
        if entry.kind == "directory":
            there = self._host.get(Stat(path))
            if not isinstance(there, Absent):
                return there  # None: ask, for where it leads is the host's to say
        return _state_of(entry)

    def _content(self, entry: Entry) -> Answer:
        if entry.kind != "file":
            return Failed("ENXIO")
        state, elf, sha256 = _state_of(entry), None, ""
        if entry.member is not None:
            member = self._bundle.members[entry.member]
            elf, sha256 = member.elf, member.sha256
        return ElfContent(state, sha256, elf or Elf(size_bytes=entry.size_bytes, head=entry.head))

    def _listing(self, path: str, entry: Entry) -> Answer | None:
        if entry.kind != "directory":
            return Failed("ENOTDIR")
        there = self._host.get(List(path))
        if there is None:
            return None
        return _merged(self._bundle.names(entry.path), there)

    def _inside(self, path: str) -> str | None:
        """Return *path* from the root on, "" for the root itself; None where it lies elsewhere."""
        for root in dict.fromkeys((self._root, self._real_root())):
            if path == root:
                return ""
            if path.startswith(root.rstrip("/") + "/"):
                return path[len(root.rstrip("/")) + 1 :]
        return None

    def _real_root(self) -> str:
        """Return the root with the host's symbolic links resolved, as far as they are known."""
        ancestor = self._root
        while True:
            state = self._host.get(Stat(ancestor))
            if isinstance(state, FileState) and state.real:
                return posixpath.normpath(state.real + self._root[len(ancestor.rstrip("/")) :])
            if ancestor == "/":
                return self._root
            ancestor = posixpath.dirname(ancestor)

    def _resolved(self, path: str) -> str | None:
        """Return *path* with the bundle's own links resolved; None for a loop."""
        left = [part for part in path.split("/") if part not in ("", ".")][::-1]
        at, links = "/", 0
        while left:
            part = left.pop()
            if part == "..":
                at = posixpath.dirname(at)
                continue
            at = posixpath.join(at, part)
            inside = self._inside(at)
            entry = None if inside is None else self._bundle.index.get(inside)
            if entry is None or entry.kind != "symlink":
                continue
            links += 1
            if links > _LINKS:
                return None
            at = "/" if entry.target.startswith("/") else posixpath.dirname(at)
            left += [one for one in entry.target.split("/") if one not in ("", ".")][::-1]
        return at


def _state_of(entry: Entry) -> FileState:
    mode = entry.mode & 0o7777 | _TYPES[entry.kind]
    return FileState(mode, 0, 0, _DEVICE, entry.number, entry.size_bytes, 0, 0, "")


def _merged(ours: tuple[str, ...], theirs: Answer) -> Listing | Failed:
    if isinstance(theirs, Failed):
        return theirs
    names = theirs.names if isinstance(theirs, Listing) else ()
    return Listing(tuple(dict.fromkeys((*ours, *names))))
