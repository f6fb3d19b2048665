"""
What the user who starts the program may read, search and execute.

Asked only where `Start.run_as` names another user than the one who looked.
Limits: modes alone count, no access lists, no capabilities but root's; a
user whom /etc/passwd does not know is not known at all.
Source: path_resolution(7), credentials(7).
"""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterator
from typing import TypeVar

from msgspec import Struct

from preflight.model.inquiry import Inquiry
from preflight.model.question import (
    Absent,
    BytesAnswer,
    BytesContent,
    ElfAnswer,
    ElfContent,
    Failed,
    FileQuestion,
    FileState,
    NotAsked,
    StatAnswer,
)
from preflight.model.start import Start

READ, EXECUTE = 4, 1
DENIED = Failed("EACCES")
_UNSURE = Failed("whether the user who starts the program may read it is not known")
_Seen = TypeVar("_Seen", FileState, ElfContent, BytesContent)


class User(Struct, frozen=True):
    """Who starts the program; None: not known."""

    uid: int | None
    gids: frozenset[int] | None
    gid: int | None = None  # the one of the *gids* that new files get


def user_of(run_as: str, inquiry: Inquiry) -> User:
    """Return the user called *run_as* (a name or a number) by the host's own files."""
    for name, _, uid, gid, *_ in _records(inquiry, "/etc/passwd", 4):
        if run_as in (name, uid) and uid.isdecimal() and gid.isdecimal():
            return User(int(uid), frozenset({int(gid), *_groups(inquiry, name)}), int(gid))
    return User(int(run_as) if run_as.isdecimal() else None, None)


def changes_user(state: FileState, user: User) -> bool | None:
    """
    Return whether a program with this mode runs as another than *user*; None: nobody knows.

    Source: Linux fs/exec.c, bprm_fill_uid().
    """
    by_user = user.uid != state.uid if state.mode & stat.S_ISUID else False
    grouped = state.mode & stat.S_ISGID and state.mode & stat.S_IXGRP
    by_group = user.gid != state.gid if grouped else False
    if (by_user and user.uid is None) or (by_group and user.gid is None):
        return None
    return by_user or by_group


def allows(state: FileState, user: User, bit: int) -> bool | None:
    """Return whether the mode grants *bit* (READ, EXECUTE) to *user*; None where nobody knows."""
    owner, group, other = (bool(state.mode >> shift & bit) for shift in (6, 3, 0))
    if user.uid == 0:
        return bit == READ or state.kind == "directory" or owner or group or other
    if user.uid is None:
        return owner if owner == group == other else None
    if user.uid == state.uid:
        return owner
    if user.gids is None:
        return other if group == other else None
    return group if state.gid in user.gids else other


class Access(Inquiry):
    """An inquiry whose answers are those that *user* would get."""

    def __init__(self, inquiry: Inquiry, user: User) -> None:
        super().__init__({})
        self._inquiry = inquiry
        self.user = user

    @property
    def asked(self) -> tuple[FileQuestion, ...]:
        """Every question so far."""
        return self._inquiry.asked

    @property
    def open(self) -> tuple[FileQuestion, ...]:
        """The questions that nobody has answered yet."""
        return self._inquiry.open

    def stat(self, path: str) -> StatAnswer:
        """Return what lies at *path*, where the user may search the directories to it."""
        answer = self._inquiry.stat(path)
        if isinstance(answer, FileState):
            return _seen(answer, allowed=self.reaches(path, answer))
        return self._of_another(path, answer)

    def elf(self, path: str) -> ElfAnswer:
        """Return the file at *path*, where the user may read it."""
        answer = self._inquiry.elf(path)
        if isinstance(answer, ElfContent):
            return _seen(answer, allowed=self.may(path, answer.state, READ))
        return self._of_another(path, answer)

    def data(self, path: str) -> BytesAnswer:
        """Return the bytes of the file at *path*, where the user may read it."""
        answer = self._inquiry.data(path)
        if isinstance(answer, BytesContent):
            return _seen(answer, allowed=self.may(path, answer.state, READ))
        return self._of_another(path, answer)

    def may(self, path: str, state: FileState, bit: int) -> bool | None:
        """Return whether the user reaches the file and has *bit* on it."""
        return _both(self.reaches(path, state), allows(state, self.user, bit))

    def reaches(self, path: str, state: FileState) -> bool | None:
        """Return whether the user may search every directory on the way."""
        result: bool | None = True
        for directory in dict.fromkeys((*_parents(path), *_parents(state.real or path))):
            result = _both(result, self.searches(directory))
        return result

    def directories(self, path: str) -> tuple[str, ...]:
        """Return the directories to *path*, from the root."""
        return tuple(_parents(path))

    def _of_another(
        self, path: str, answer: Absent | Failed | NotAsked
    ) -> Absent | Failed | NotAsked:
        """
        Return what another user's answer means to this one.

        A directory that this one may not search comes before what is wrong behind
        it; a refusal to the other says nothing.
        """
        for directory in _parents(path) if not isinstance(answer, NotAsked) else ():
            searches = self.searches(directory)
            if searches is False:
                return DENIED
            if searches is None:
                break
        if answer == DENIED:
            return Failed("permission denied to the user who looked")
        return answer

    def searches(self, directory: str) -> bool | None:
        """Return whether the user may search *directory* itself."""
        answer = self._inquiry.stat(directory)
        return allows(answer, self.user, EXECUTE) if isinstance(answer, FileState) else None


def _seen(answer: _Seen, *, allowed: bool | None) -> _Seen | Failed:
    if allowed is None:
        return _UNSURE
    return answer if allowed else DENIED


def _both(first: bool | None, second: bool | None) -> bool | None:
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def _parents(path: str) -> Iterator[str]:
    """Yield the directories to *path*, from the root."""
    directory = posixpath.dirname(path)
    if directory != path:
        yield from _parents(directory)
        yield directory


def _groups(inquiry: Inquiry, name: str) -> Iterator[int]:
    for _, _, gid, members, *_ in _records(inquiry, "/etc/group", 4):
        if gid.isdecimal() and name in members.split(","):
            yield int(gid)


def _records(inquiry: Inquiry, path: str, fields: int) -> Iterator[list[str]]:
    answer = inquiry.data(path)
    if isinstance(answer, BytesContent):
        for line in answer.data.decode("utf-8", "surrogateescape").splitlines():
            record = line.split(":")
            if len(record) >= fields:
                yield record


def access_of(start: Start, looked_as: str | None, inquiry: Inquiry) -> Access | None:
    """Return the view of the user who starts the program, None where it is who looked."""
    if start.run_as is None or start.run_as == looked_as:
        return None
    return Access(inquiry, user_of(start.run_as, inquiry))
