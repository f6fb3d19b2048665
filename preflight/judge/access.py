"""
What the user who starts the program may read, search and execute.

Asked only where `Start.run_as` names another user than the one who looked.
Limits: modes alone count, no access lists, no capabilities but root's; a
user whom /etc/passwd does not know is not known at all.
Source: path_resolution(7), credentials(7).
"""

from __future__ import annotations

import posixpath
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


def user_of(run_as: str, inquiry: Inquiry) -> User:
    """Return the user called *run_as* (a name or a number) by the host's own files."""
    for name, _, uid, gid, *_ in _records(inquiry, "/etc/passwd", 4):
        if run_as in (name, uid) and uid.isdecimal() and gid.isdecimal():
            return User(int(uid), frozenset({int(gid), *_groups(inquiry, name)}))
    return User(int(run_as) if run_as.isdecimal() else None, None)


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
        return _of_another(answer)

    def elf(self, path: str) -> ElfAnswer:
        """Return the file at *path*, where the user may read it."""
        answer = self._inquiry.elf(path)
        if isinstance(answer, ElfContent):
            return _seen(answer, allowed=self.may(path, answer.state, READ))
        return _of_another(answer)

    def data(self, path: str) -> BytesAnswer:
        """Return the bytes of the file at *path*, where the user may read it."""
        answer = self._inquiry.data(path)
        if isinstance(answer, BytesContent):
            return _seen(answer, allowed=self.may(path, answer.state, READ))
        return _of_another(answer)

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

    def searches(self, directory: str) -> bool | None:
        """Return whether the user may search *directory* itself."""
        answer = self._inquiry.stat(directory)
        return allows(answer, self.user, EXECUTE) if isinstance(answer, FileState) else None


def _seen(answer: _Seen, *, allowed: bool | None) -> _Seen | Failed:
    if allowed is None:
        return _UNSURE
    return answer if allowed else DENIED


def _of_another(answer: Absent | Failed | NotAsked) -> Absent | Failed | NotAsked:
    """Return what another user's answer means: a refusal to one says nothing of the other."""
    if answer == DENIED:
        return Failed("permission denied to the user who looked")
    return answer


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
