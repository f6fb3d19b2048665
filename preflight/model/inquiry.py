"""The answers that a pure stage may look at, and the questions that it asked in vain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from preflight.model.question import (
    NOT_ASKED,
    Absent,
    Answer,
    Ask,
    BytesAnswer,
    ElfAnswer,
    FileQuestion,
    List,
    ListAnswer,
    Listing,
    Question,
    ReadBytes,
    ReadElf,
    SaidAnswer,
    Stat,
    StatAnswer,
)


class Inquiry:
    """
    Asks one host's answers.

    Looking is idempotent: the same answers, the same result.  Questions are
    kept in the order in which they were first asked.  What a listing leaves
    out is absent, without a question.
    """

    def __init__(self, answers: Mapping[Question, Answer]) -> None:
        self._answers = answers
        self._asked: dict[FileQuestion, None] = {}
        self._open: dict[FileQuestion, None] = {}

    @property
    def asked(self) -> tuple[FileQuestion, ...]:
        """Every question so far: what another host is likely to be asked, too."""
        return tuple(self._asked)

    @property
    def open(self) -> tuple[FileQuestion, ...]:
        """The questions that nobody has answered yet."""
        return tuple(self._open)

    def stat(self, path: str) -> StatAnswer:
        """Return what lies at *path*."""
        return cast("StatAnswer", self._ask(Stat(path)))

    def elf(self, path: str) -> ElfAnswer:
        """Return the file at *path*, read as ELF."""
        return cast("ElfAnswer", self._ask(ReadElf(path)))

    def data(self, path: str) -> BytesAnswer:
        """Return the bytes of the file at *path*."""
        return cast("BytesAnswer", self._ask(ReadBytes(path)))

    def names(self, path: str) -> ListAnswer:
        """Return the names in the directory at *path*."""
        return cast("ListAnswer", self._ask(List(path)))

    def said(self, topic: str, *words: str) -> SaidAnswer:
        """Return what the host says to `Ask`."""
        return cast("SaidAnswer", self._ask(Ask(topic, words)))

    def _ask(self, question: FileQuestion) -> object:
        self._asked[question] = None
        answer = self._answers.get(question)
        if answer is None and not isinstance(question, Ask):
            answer = self._by_listing(question.path)
        if answer is None:
            self._open[question] = None
            return NOT_ASKED
        return answer

    def _by_listing(self, path: str) -> Absent | None:
        """Return that *path* is not there, where the listing of a directory above it says so."""
        while "/" in path and "/../" not in path:
            path, _, name = path.rpartition("/")
            listing = self._answers.get(List(path)) or self._answers.get(List(f"{path}/"))
            if isinstance(listing, Absent):
                return listing
            if isinstance(listing, Listing):
                return Absent() if name and name not in listing.names else None
        return None
