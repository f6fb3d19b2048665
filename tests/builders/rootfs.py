"""
Answers out of a root file system on this machine's disk, as a host would give them.

Paths are resolved inside the root like chroot(2) does, so that an absolute
symbolic link stays inside.  For judging many programs against many roots
without a connection; what a real probe answers is compared with this.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from functools import lru_cache

from preflight.elf import read_file
from preflight.model.elf import Elf
from preflight.model.question import (
    Absent,
    Answer,
    BytesContent,
    ElfContent,
    Failed,
    FileState,
    List,
    Listing,
    Question,
    ReadBytes,
    ReadElf,
)

_ERRNO = {2: "ENOENT", 13: "EACCES", 20: "ENOTDIR", 21: "EISDIR", 36: "ENAMETOOLONG", 40: "ELOOP"}


def resolve(root: str, path: str) -> str:
    """Return the real path inside *root*; raises OSError as open(2) would."""
    links = 0
    done: list[str] = []
    todo = [part for part in path.split("/") if part]
    while todo:
        part = todo.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        if part == ".":
            continue
        here = "/".join([root, *done, part])
        mode = os.lstat(here).st_mode
        if stat.S_ISLNK(mode):
            links += 1
            if links > 40:
                raise OSError(40, "ELOOP")
            target = os.readlink(here)
            if target.startswith("/"):
                done = []
            todo = [piece for piece in target.split("/") if piece] + todo
            continue
        if todo and not stat.S_ISDIR(mode):
            raise OSError(20, "ENOTDIR")
        done.append(part)
    return "/" + "/".join(done)


# Files that come and go within one tick of the clock are not larger.
_SMALL_BYTES = 1 << 14


@lru_cache(maxsize=6_000)
def _read(identity: FileIdentity) -> Elf:
    return read_file(identity.path)


class FileIdentity:
    """A file that is the same wherever it is mounted; a small one by its content."""

    def __init__(self, path: str) -> None:
        info = os.stat(path)
        self.path = path
        self.key: object = (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)
        if info.st_size <= _SMALL_BYTES:
            with open(path, "rb") as file:
                self.key = file.read()

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileIdentity) and self.key == other.key


class RootFs:
    """Answers questions from one root, and remembers the answers."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self.answers: dict[Question, Answer] = {}

    def answer_all(self, questions: Iterable[Question]) -> None:
        """Answer *questions* into `answers`."""
        for question in questions:
            if question not in self.answers:
                self.answers[question] = self.answer(question)

    def answer(self, question: Question) -> Answer:
        """Return the answer that a probe of this root would bring."""
        try:
            real = resolve(self.root, question.path)
            state = self._state(real)
            if isinstance(question, List):
                return Listing(tuple(os.listdir(self.root + real)))
            if isinstance(question, ReadElf | ReadBytes) and state.kind == "directory":
                return Failed("EISDIR")
            if isinstance(question, ReadElf | ReadBytes) and state.kind != "file":
                return Failed("is a character device")
            if isinstance(question, ReadElf):
                return ElfContent(state, "", _read(FileIdentity(self.root + real)))
            if isinstance(question, ReadBytes):
                with open(self.root + real, "rb") as file:
                    data = file.read()
                return BytesContent(state, hashlib.sha256(data).hexdigest(), data)
            return state
        except OSError as error:
            name = _ERRNO.get(error.errno or 0, str(error.errno))
            return Absent(name) if name in ("ENOENT", "ENOTDIR") else Failed(name)

    def _state(self, real: str) -> FileState:
        info = os.stat(self.root + real)
        return FileState(
            mode=info.st_mode,
            uid=info.st_uid,
            gid=info.st_gid,
            device=info.st_dev,
            inode=info.st_ino,
            size_bytes=info.st_size,
            mtime_s=int(info.st_mtime),
            ctime_s=int(info.st_ctime),
            real=real,
        )
